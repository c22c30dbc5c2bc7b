"""The four configurations that are compared, as text: pure.

`stock` is the configuration of Debian's packages, with the minimum that the work needs: the mail
domain, a list of users, a certificate, a submission port with login, and delivery to Dovecot. The
resolver gets its clients and its names. Debian's own files stay as they are where possible.
Additions go to the places that Debian leaves for them (`postconf -e`, `local.conf`,
`unbound.conf.d/`). The submission port is the one that Debian's master.cf has behind comment signs.

`tuned` is `stock` with every line that the daemons' own documents on performance advise for
this work, beside its source. It has no advice for other work (relays, timeouts of remote
servers, retries), and none that would give up durability.

`ours` is the result of `mailprov apply` with a beginner's site file. The file has higher limits in
addition, because the default ones would refuse the load. `ours, shared` is the same with more
lines: Dovecot's processes then serve many connections each, and keep users less apart.
docs/decisions/0020 has the reasons why mailprov leaves these lines out by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

STOCK, OURS, TUNED, SHARED = "stock", "ours", "tuned", "ours, shared"
VARIANTS = (STOCK, OURS, TUNED, SHARED)

DOMAIN = "bench.example"
HOST = "mail"
FQDN = f"{HOST}.{DOMAIN}"
ADDRESS, LOAD_ADDRESS = "10.89.0.11", "10.89.0.12"
"""Of the mail host and of the one that asks questions, in lab 0."""


@dataclass(frozen=True, slots=True)
class User:
    """A user with a mailbox: address, the hash on the host, and the password."""

    address: str
    hash: str
    password: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A line of configuration and the document that advises it."""

    line: str
    source: str


_TUNING = "postfix.org/TUNING_README.html"
_LOGIN = "doc.dovecot.org/2.3/admin_manual/login_processes, high-performance mode"
_PERFORMANCE = "doc.dovecot.org/2.3/admin_manual/performance_tuning"
_UNBOUND = "nlnetlabs.nl/documentation/unbound/howto-optimise"


def postfix_advice() -> tuple[Advice, ...]:
    """Return parameters of main.cf.

    Some other points of the document hold in all variants: a resolver on the host itself, and mail
    by SMTP. The rest are ways to find a fault: no header checks (stock has none), and no chroot.
    """
    return (
        Advice("default_process_limit=200", f"{_TUNING}: number of Postfix processes"),
        Advice("in_flow_delay=0", f"{_TUNING}: mail delivery performance tips"),
        Advice("lmtp_destination_concurrency_limit=50", f"{_TUNING}: simultaneous deliveries"),
    )


def dovecot_advice(cores: int) -> tuple[Advice, ...]:
    """Return lines of dovecot.conf; mail_fsync stays as it is."""
    return (
        Advice(
            f"service imap-login {{\n  service_count = 0\n  process_min_avail = {cores}\n"
            "  vsz_limit = 1G\n}",
            _LOGIN,
        ),
        Advice(
            f"service pop3-login {{\n  service_count = 0\n  process_min_avail = {cores}\n}}", _LOGIN
        ),
        # Of use because all mailboxes belong to one uid.
        Advice("service imap {\n  service_count = 100\n}", f"{_PERFORMANCE}: CPU usage"),
        Advice("auth_cache_size = 10M", f"{_PERFORMANCE}: CPU usage"),
        Advice("auth_cache_verify_password_with_worker = yes", f"{_PERFORMANCE}: CPU usage"),
    )


def unbound_advice(cores: int) -> tuple[Advice, ...]:
    """Return options of Unbound's server clause; its how-to names two cores among others."""
    slabs = 1 << max(cores - 1, 0).bit_length()
    return tuple(
        Advice(line, _UNBOUND)
        for line in (
            f"num-threads: {cores}",
            "so-reuseport: yes",
            *(f"{cache}-slabs: {slabs}" for cache in ("msg-cache", "rrset-cache")),
            *(f"{cache}-slabs: {slabs}" for cache in ("infra-cache", "key-cache")),
            "rrset-cache-size: 100m",
            "msg-cache-size: 50m",
            # With libevent, which Debian's Unbound is built with.
            "outgoing-range: 8192",
            "num-queries-per-thread: 4096",
            "so-rcvbuf: 4m",
        )
    )


def site_text(users: Sequence[User], shared: int = 0) -> str:
    """Return the site file, for lab 0.

    shared: the number of login processes for all users; 0 is a process for each connection.
    """
    rows = "".join(f'  {u.address.partition("@")[0]}: {{password: "{u.hash}"}}\n' for u in users)
    return f"""\
domain: {DOMAIN}
hosts:
  {HOST}: {{address: {ADDRESS}}}
users:
{rows}networks: {{resolver: [10.89.0.0/24]}}
# All of the load comes from one address, as no site's users do. Limits on addresses stay in
# force, and do their counting, but are out of its reach.
submission: {{logins_per_minute: 100000}}
dns:
  forward: {{".": 10.89.0.253}}
unbound:
  server:
    ip-ratelimit: "10000000"
    # The lab signs its root zone with a key of its own.
    auto-trust-anchor-file: ""
    trust-anchor: "@LAB_TRUST_ANCHOR@"
{_shared_processes(shared) if shared else ""}"""


def _shared_processes(count: int) -> str:
    return f"""\
dovecot:
  "2.3":
    service/imap-login/service_count: "0"
    service/imap-login/process_min_avail: "{count}"
    service/imap-login/vsz_limit: 1G
"""


def postfix_settings() -> tuple[str, ...]:
    """Return what stock's main.cf gets, as `postconf -e` takes it."""
    return (
        f"myhostname={FQDN}",
        "mydestination=localhost",
        "inet_protocols=ipv4",
        f"virtual_mailbox_domains={DOMAIN}",
        "virtual_mailbox_maps=hash:/etc/postfix/vmailbox",
        "virtual_transport=lmtp:unix:private/dovecot-lmtp",
        f"smtpd_tls_cert_file={_CERTIFICATE}",
        f"smtpd_tls_key_file={_CERTIFICATE}",
        "smtpd_sasl_type=dovecot",
        "smtpd_sasl_path=private/auth",
    )


def dovecot_local(advice: Sequence[Advice] = ()) -> str:
    """Return local.conf, which Debian's dovecot.conf reads last."""
    return f"""\
mail_location = maildir:~/Maildir
auth_mechanisms = plain login
ssl_cert = <{_CERTIFICATE}
ssl_key = <{_CERTIFICATE}
service lmtp {{
  unix_listener /var/spool/postfix/private/dovecot-lmtp {{
    mode = 0600
    user = postfix
    group = postfix
  }}
}}
service auth {{
  unix_listener /var/spool/postfix/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
""" + "".join(f"# {one.source}\n{one.line}\n" for one in advice)


def dovecot_users(users: Sequence[User]) -> str:
    """Return the list of users where Debian's auth-passwdfile.conf.ext looks for it."""
    return "".join(
        f"{user.address}:{user.hash}:{_VMAIL}:{_VMAIL}::{_home(user)}::\n" for user in users
    )


def postfix_users(users: Sequence[User]) -> str:
    """Return the table of virtual_mailbox_maps, for postmap(1)."""
    return "".join(f"{user.address} mailbox\n" for user in users)


def unbound_site(zones: str, trust_anchor: str, advice: Sequence[Advice] = ()) -> str:
    """Return a drop-in for lab 0. zones: what the resolver knows itself, as mailprov has it."""
    rows = "".join(f"    # {one.source}\n    {one.line}\n" for one in advice)
    return f"""\
server:
    interface: 127.0.0.1
    interface: {ADDRESS}
    access-control: 10.89.0.0/24 allow
    trust-anchor: "{trust_anchor}"
{rows}{zones}
forward-zone:
    name: "."
    forward-addr: 10.89.0.253
"""


_VMAIL = 5000
_CERTIFICATE = "/etc/ssl/private/bench.pem"

STOCK_SCRIPT = rf"""set -eu
# A certificate of the kind that mailprov has a host make, and the owner of the mailboxes.
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj /CN={FQDN} -addext subjectAltName=DNS:{FQDN} \
    -keyout /tmp/key -out /tmp/crt 2>/dev/null
mkdir -p /etc/ssl/private
cat /tmp/key /tmp/crt >{_CERTIFICATE}
rm /tmp/key /tmp/crt
umask 022
groupadd -g {_VMAIL} vmail
useradd -u {_VMAIL} -g vmail -d /srv/vmail -s /usr/sbin/nologin vmail
install -d -o vmail -g vmail -m 700 /srv/vmail /srv/vmail/{DOMAIN}
rm -f /etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf
rm -f /etc/resolv.conf
echo 'nameserver 127.0.0.1' >/etc/resolv.conf

postconf -e "$@"
postmap hash:/etc/postfix/vmailbox
newaliases
# The submission port that master.cf has ready, and nothing but it.
sed -i '/^#submissions *inet/,/^#628/ {{ /^#628/! {{ /^#  *-o\|^#submissions/ s/^#//; }} }}' \
    /etc/postfix/master.cf

# Users in a file instead of those of PAM, as the comments in this file say.
sed -i 's/^!include auth-system/#&/; s/^#!include auth-passwdfile/!include auth-passwdfile/' \
    /etc/dovecot/conf.d/10-auth.conf
chown root:dovecot /etc/dovecot/users
"""


def _home(user: User) -> str:
    name, _, domain = user.address.partition("@")
    return f"/srv/vmail/{domain}/{name}"
