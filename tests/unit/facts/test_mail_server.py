"""A mail server that somebody set up is told apart from one that a package brought.

People applied a site on hosts whose mail server worked: a plan of two thousand lines and one note
did not say that its relay, its maps and its mailboxes were no longer used.
"""

from __future__ import annotations

import pytest
from support.generations import HOST

from provisioner.facts.mail_server import (
    FoundServer,
    parse_mail_server,
    server_diagnostic,
    what_would_end,
)
from provisioner.model.site import Role

NAMES = ["name\tmail", "name\tmail.example.org"]
# As the packages' installers leave them, each on a host of that system.
DEBIAN_12 = """
alias_database	hash:/etc/aliases
alias_maps	hash:/etc/aliases
append_dot_mydomain	no
biff	no
compatibility_level	3.6
inet_interfaces	all
inet_protocols	all
mailbox_size_limit	0
mydestination	$myhostname, mail, localhost.localdomain, , localhost
myhostname	mail.example.org
mynetworks	127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128
myorigin	/etc/mailname
readme_directory	no
recipient_delimiter	+
relayhost
smtp_tls_CApath	/etc/ssl/certs
smtp_tls_security_level	may
smtp_tls_session_cache_database	btree:${data_directory}/smtp_scache
smtpd_banner	$myhostname ESMTP $mail_name (Debian/GNU)
smtpd_relay_restrictions	permit_mynetworks permit_sasl_authenticated defer_unauth_destination
smtpd_tls_cert_file	/etc/ssl/certs/ssl-cert-snakeoil.pem
smtpd_tls_key_file	/etc/ssl/private/ssl-cert-snakeoil.key
smtpd_tls_security_level	may
"""
DEBIAN_13 = (
    DEBIAN_12
    + """
cyrus_sasl_config_path	/etc/postfix/sasl
mailbox_command
mynetworks_style	host
"""
)
EL_9 = """
alias_database	hash:/etc/aliases
alias_maps	hash:/etc/aliases
command_directory	/usr/sbin
compatibility_level	2
daemon_directory	/usr/libexec/postfix
data_directory	/var/lib/postfix
debug_peer_level	2
debugger_command	PATH=/bin:/usr/bin ddd $daemon_directory/$process_name $process_id & sleep 5
html_directory	no
inet_interfaces	localhost
inet_protocols	all
mail_owner	postfix
mailq_path	/usr/bin/mailq.postfix
manpage_directory	/usr/share/man
meta_directory	/etc/postfix
mydestination	$myhostname, localhost.$mydomain, localhost
newaliases_path	/usr/bin/newaliases.postfix
queue_directory	/var/spool/postfix
readme_directory	/usr/share/doc/postfix/README_FILES
sample_directory	/usr/share/doc/postfix/samples
sendmail_path	/usr/sbin/sendmail.postfix
setgid_group	postdrop
shlib_directory	/usr/lib64/postfix
smtp_tls_CAfile	/etc/pki/tls/certs/ca-bundle.crt
smtp_tls_CApath	/etc/pki/tls/certs
smtp_tls_security_level	may
smtpd_tls_cert_file	/etc/pki/tls/certs/postfix.pem
smtpd_tls_key_file	/etc/pki/tls/private/postfix.key
smtpd_tls_security_level	may
unknown_local_recipient_reject_code	550
"""
SERVICES = ["service\tsmtp/inet", "service\tpickup/unix", "service\tpostlog/unix-dgram"]
SHIPPED = ["passdb {", "  driver = pam", "}", "userdb {", "  driver = passwd", "}"]


def parameters(text: str) -> list[str]:
    return [f"parameter\t{line}" for line in text.splitlines() if line]


def told(*rows: str, works: tuple[str, ...] = ("postfix", "dovecot")) -> FoundServer:
    dovecot = [f"{kind}\t{line}" for kind in ("setting", "shipped") for line in SHIPPED]
    head = [*(f"works\t{one}" for one in works), *NAMES, *SERVICES]
    got = parse_mail_server([*head, *dovecot, *rows])
    assert got is not None
    return got


def ends(*rows: str, works: tuple[str, ...] = ("postfix", "dovecot"), homes: str = "") -> list[str]:
    found = told(*parameters(DEBIAN_12), *rows, works=works)
    return list(what_would_end(found, HOST, homes))


@pytest.mark.parametrize("text", [DEBIAN_12, DEBIAN_13, EL_9], ids=["debian-12", "13", "el-9"])
def test_what_a_package_brought_by_itself_may_end(text: str) -> None:
    found = told(*parameters(text), "override\trelay/unix\tsyslog_name\tpostfix/relay", "queue\t2")
    assert what_would_end(found, HOST, "") == ()


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("relayhost\t[smart.example.net]:587", "Postfix: 1 parameter of main.cf: relayhost"),
        ("smtpd_milters\tinet:127.0.0.1:8891", "Postfix: 1 parameter of main.cf: smtpd_milters"),
        ("mynetworks\t127.0.0.0/8 10.0.0.0/8", "Postfix: 1 parameter of main.cf: mynetworks"),
        (
            "mydestination\t$myhostname, example.net",
            "Postfix: 1 parameter of main.cf: mydestination",
        ),
        ("alias_maps\tldap:/etc/postfix/ldap", "Postfix: 1 parameter of main.cf: alias_maps"),
    ],
)
def test_a_parameter_that_no_installer_writes_is_somebodys(row: str, line: str) -> None:
    assert ends(f"parameter\t{row}")[0] == line


def test_maps_services_aliases_settings_users_mail_and_queue_are_counted_and_named() -> None:
    got = ends(
        "parameter\ttransport_maps\thash:/etc/postfix/transport",
        "parameter\tvirtual_alias_maps\tproxy:hash:/etc/postfix/virtual, regexp:/etc/postfix/more",
        "service\tfilter/unix",
        "override\tsmtp/inet\tcontent_filter\tfilter",
        "aliases\t3",
        "setting\tservice auth {",
        "setting\t  unix_listener /var/spool/postfix/private/auth {",
        "setting\t    mode = 0660",
        "setting\t  }",
        "setting\t}",
        "users\t/etc/dovecot/users\t31",
        "mailboxes\tspool\t/var/mail\t1000\t1\t2000",
        "mailboxes\tspool\t/var/mail\t1001\t1\t48",
        "mailboxes\thome\tMaildir\t1001\t1\t20",
        "mailboxes\tvirtual\t/var/vmail\t1000\t12\t-",
        "queue\t4",
    )
    assert got == [
        "Postfix: 2 parameters of main.cf: transport_maps, virtual_alias_maps",
        "Postfix: 3 lookup tables: /etc/postfix/transport, /etc/postfix/virtual, /etc/postfix/more",
        "Postfix: 2 services of master.cf: filter/unix, smtp/inet",
        "aliases: 3 aliases in /etc/aliases",
        "Dovecot: 1 setting: service auth",
        "Dovecot: 31 users in /etc/dovecot/users",
        "mail: 2 mailboxes in /var/mail, 2 MiB",
        "mail: 1 mailbox in ~/Maildir, 20 KiB",
        "mail: 12 mailboxes in /var/vmail, at least 0 KiB",
        "queue: 4 messages",
    ]


def test_of_many_names_the_first_are_told_and_no_value_ever_is() -> None:
    rows = [f"parameter\town_{number}\tstatic:user:secret" for number in range(30)]
    (line,) = ends(*rows)
    assert line.startswith("Postfix: 30 parameters of main.cf: own_0, own_1, ")
    assert line.endswith(" and 22 more")
    assert "secret" not in line + repr(told(*rows)) + server_diagnostic(HOST, [line]).render()


PEOPLES = "mailboxes\tspool\t/var/mail\t1000\t1\t2"
ROOTS = "mailboxes\tspool\t/var/mail\t0\t1\t2"
HOME = "mailboxes\thome\tMaildir\t1000\t1\t2"


def test_a_server_that_works_as_it_came_is_somebodys_where_people_have_mail() -> None:
    assert ends(PEOPLES) == ["mail: 1 mailbox in /var/mail, 2 KiB"]
    assert ends(ROOTS) == []


def test_mailboxes_that_the_site_goes_on_with_do_not_end() -> None:
    assert ends(HOME) == ["mail: 1 mailbox in ~/Maildir, 2 KiB"]
    assert ends(HOME, homes="Maildir") == []


def test_what_neither_runs_nor_will_is_no_server_that_works() -> None:
    # So are daemons that mailprov installed, on a host that went back to how it was found.
    assert ends("parameter\trelayhost\tx", PEOPLES, works=()) == []


def test_a_host_that_only_resolves_names_ends_no_mail_server() -> None:
    resolver = HOST.model_copy(update={"roles": frozenset({Role.DNS})})
    found = told("parameter\trelayhost\tx")
    assert what_would_end(found, resolver, "") == ()
    assert what_would_end(None, HOST, "") == ()


def test_what_is_no_row_is_passed_over() -> None:
    rows = ["", "works", "name", "parameter", "service", "override\tx", "users\tx", "users\tx\ty"]
    rows += ["mailboxes\tspool\t/var/mail\tx\t1\t1", "aliases\tmany", "queue", "queue\t-1"]
    assert parse_mail_server(rows) == FoundServer()
    assert parse_mail_server([]) is None
