"""What a Postfix that somebody set up before mailprov came would lose.

A host that has the package alone, as its vendor leaves it, has nothing to lose. What installers
write by themselves is taken from the packages of Debian 12 and 13, Ubuntu, and Enterprise
Linux 8 to 10.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from provisioner.rooms.found_server import FoundServer, counted, listed

# What the installers of Debian, Ubuntu and Enterprise Linux write into main.cf, and names of the
# host's own: of these any value is taken for theirs.
_INSTALLED = frozenset(
    """
    compatibility_level myhostname mydomain smtpd_banner biff append_dot_mydomain
    mailbox_size_limit recipient_delimiter inet_protocols readme_directory html_directory
    sample_directory manpage_directory queue_directory daemon_directory command_directory
    data_directory meta_directory shlib_directory mail_owner setgid_group sendmail_path
    newaliases_path mailq_path debug_peer_level debugger_command
    unknown_local_recipient_reject_code smtp_tls_CApath smtp_tls_CAfile
    smtp_tls_session_cache_database smtpd_tls_session_cache_database smtpd_use_tls
    cyrus_sasl_config_path
    """.split()  # noqa: SIM905 a list of words reads best as words
)
_LOOPBACK = (
    r"127\.0\.0\.0/8|127\.0\.0\.1(/32)?|\[::ffff:127\.0\.0\.0\]/104|\[::1\](/128)?"
    r"|\$config_directory/mynetworks"
)
# The others that they write, with what they write there.
_INSTALLED_VALUES = {
    "alias_maps": r"((hash|lmdb|cdb|texthash):/etc/aliases)?",
    "alias_database": r"((hash|lmdb|cdb|texthash):/etc/aliases)?",
    "myorigin": r"/etc/mailname|\$my(hostname|domain)",
    "mynetworks": rf"(({_LOOPBACK})[\s,]*)*",
    "mynetworks_style": "host",
    "relayhost": "",
    "inet_interfaces": r"all|localhost|loopback-only|127\.0\.0\.1|(\$myhostname, )?localhost",
    "default_transport": r"smtp|error",
    "relay_transport": r"relay|error",
    "mailbox_command": r'(procmail -a "\$EXTENSION")?',
    "smtpd_tls_cert_file": r"/etc/ssl/certs/ssl-cert-snakeoil\.pem|/etc/pki/tls/certs/postfix\.pem",
    "smtpd_tls_key_file": r"/etc/ssl/private/ssl-cert-snakeoil\.key"
    r"|/etc/pki/tls/private/postfix\.key",
    "smtpd_tls_security_level": "may",
    "smtp_tls_security_level": "may",
    "smtpd_relay_restrictions": r"permit_mynetworks,? permit_sasl_authenticated,? "
    r"(defer|reject)_unauth_destination",
}
_INSTALLED_SERVICES = frozenset(
    """
    smtp/inet pickup/unix pickup/fifo cleanup/unix qmgr/unix qmgr/fifo tlsmgr/unix
    rewrite/unix bounce/unix defer/unix trace/unix verify/unix flush/unix proxymap/unix
    proxywrite/unix smtp/unix relay/unix showq/unix error/unix retry/unix discard/unix
    local/unix virtual/unix lmtp/unix anvil/unix scache/unix postlog/unix-dgram maildrop/unix
    uucp/unix ifmail/unix bsmtp/unix scalemail-backend/unix mailman/unix
    """.split()  # noqa: SIM905 a list of words reads best as words
)
_INSTALLED_OVERRIDES = frozenset(
    {("relay/unix", "syslog_name"), ("relay/unix", "smtp_fallback_relay")}
)
_TABLE = re.compile(r"\b[a-z]+:(?:[a-z]+:)?(/[^\s,]+)")


def found_lines(found: FoundServer) -> Iterator[str]:
    """Yield what is set up, a line each; nothing where a package alone is installed."""
    changed = [
        (name, text)
        for name, text in found.parameters
        if not _is_installed(name, text, found.names)
    ]
    if changed:
        names = [name for name, _ in changed]
        yield f"Postfix: {counted(len(names), 'parameter')} of main.cf: {listed(names)}"
    tables = list(dict.fromkeys(path for _, text in changed for path in _TABLE.findall(text)))
    if tables:
        yield f"Postfix: {counted(len(tables), 'lookup table')}: {listed(tables)}"
    touched = [one for one, name in found.overrides if (one, name) not in _INSTALLED_OVERRIDES]
    services = dict.fromkeys(
        [*(one for one in found.services if one not in _INSTALLED_SERVICES), *touched]
    )
    if services:
        yield f"Postfix: {counted(len(services), 'service')} of master.cf: {listed(services)}"
    if found.aliases:
        many = "alias" if found.aliases == 1 else "aliases"
        yield f"aliases: {found.aliases} {many} in /etc/aliases"


def _is_installed(name: str, text: str, names: Collection[str]) -> bool:
    """Tell whether a parameter of main.cf has a value that an installer writes.

    names: of the host, in lower case.
    """
    if name == "mydestination":
        known = {"$myhostname", "localhost", "localhost.localdomain", "localhost.$mydomain"}
        known |= frozenset(names) | {f"localhost.{one}" for one in names}
        return all(word.lower() in known for word in re.split(r"[\s,]+", text) if word)
    if name in _INSTALLED_VALUES:
        return re.fullmatch(_INSTALLED_VALUES[name], text.strip()) is not None
    return name in _INSTALLED
