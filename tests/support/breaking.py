"""What a fault of a real mail site is made of: ways to break, to provoke and to mend.

Written for the tutorial's site in lab 0 (10.89.0.2 `ns`, 10.89.0.3 `mail`, 10.89.0.20
`client` within the trusted networks, 10.89.0.130 `stranger` outside of them); `lab.site`
rewrites commands to another lab's addresses.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from provisioner.daemons.unbound.habits import habits as unbound_habits
from support.release import RELEASE

ZONE = "faults.example"
# What the lab's internet says below ZONE; a domain for each way in which delivery fails.
RECORDS = (
    "loop IN MX 10 ours",
    "ours IN A 10.89.0.3",
    "refused IN MX 10 closed",
    "closed IN A 10.89.0.130",
    "silent IN MX 10 nowhere",
    "nowhere IN A 10.89.0.99",
    "unrouted IN MX 10 far",
    "far IN A 203.0.113.9",
    "grumpy IN MX 10 peer",
    "peer IN A 10.89.0.20",
    "hollow IN MX 10 empty",
    "nomail IN MX 0 .",
    'empty IN TXT "nothing else"',
)
SITE_PART = f"{unbound_habits(RELEASE).parts_dir}/mailprov-site.conf"
SERVER = f"{unbound_habits(RELEASE).parts_dir}/mailprov-server.conf"
# A list of addresses answers within 127.0.0.0/8, which resolvers keep out of other names.
BLOCKLIST = "blocklist.example"
BLOCKLIST_RECORDS = (
    "*.zen IN A 127.255.255.254",
    '*.zen IN TXT "Error: open resolver; https://blocklist.example/return-codes"',
)
PREPARE_NS = (
    f"cp -p {SERVER} /root/server.conf && "
    'printf \'server:\\n private-domain: "faults.example"\\n '
    'private-domain: "blocklist.example"\\n val-log-level: 2\\n\' '
    f">>{SERVER} && unbound-control reload"
)
RESTORE_NS = f"cp -p /root/server.conf {SERVER} && unbound-control reload"

POSTFIX_BACK = "cp -p /root/main.cf /root/master.cf /etc/postfix/ && postfix reload"
# master(8) does not start a service whose processes died again for a minute.
POSTFIX_ANEW = "systemctl restart postfix"
DOVECOT_BACK = "cp -p /root/dovecot.conf /etc/dovecot/dovecot.conf && systemctl restart dovecot"
QUEUE_EMPTY = "postsuper -d ALL"
SWAKS = "swaks --ehlo pc.outside.example --server 10.89.0.3"
WANGSHENG = "wangsheng@wangsheng.com"
PASSWORD = "correct horse 'battery' staple"


@dataclass(frozen=True)
class Fault:
    """A fault on `host`.

    breaks, mends: run there. provokes: run on `at` afterwards. finds: ids of the
    catalogue that have to be found on the host; shows: what a sample line has to hold;
    says: what cause and fix have to hold, in the site's own terms.
    """

    name: str
    finds: tuple[str, ...]
    shows: str
    says: tuple[str, ...] = ()
    breaks: str = "true"
    provokes: str = "true"
    mends: str = "true"
    host: str = "mail"
    at: str = "mail"
    answer: str = ""  # what the mail server on `client` says to every recipient
    rare: bool = False  # brought about by `make test-all` only
    debian: bool = False  # asks for a package of Debian's

    @property
    def slug(self) -> str:
        """The name, as a file has it."""
        return self.name.lower().replace(" ", "-").replace("'", "")


def main_cf(*settings: str) -> dict[str, str]:
    """Return how parameters of main.cf come and go."""
    breaks = "cp -p /etc/postfix/main.cf /etc/postfix/master.cf /root/ && "
    return {
        "breaks": f"{breaks} postconf -e {shlex.join(settings)} && postfix reload",
        "mends": POSTFIX_BACK,
    }


def dovecot(text: str) -> dict[str, str]:
    """Return how text at the end of dovecot.conf comes and goes."""
    return {
        "breaks": "cp -p /etc/dovecot/dovecot.conf /root/dovecot.conf && "
        f"printf '\\n%s\\n' {shlex.quote(text)} >>/etc/dovecot/dovecot.conf && "
        "systemctl restart dovecot; true",
        "mends": DOVECOT_BACK,
    }


def without_socket(service: str, socket: str) -> str:
    """Return how Dovecot is started without one of its sockets for Postfix."""
    path = f"/var/spool/postfix/private/{socket}"
    text = f"service {service} {{\n unix_listener {path} {{\n  mode = 0\n }}\n}}"
    # A process of Postfix's that has asked before does not ask again.
    return f"{dovecot(text)['breaks']}; rm -f {path}; postfix reload"


def squat(place: str) -> str:
    """Return a command that has another program listen where a daemon wants to."""
    return f"systemd-run --unit=squatter systemd-socket-activate -l {place} sleep 99; sleep 0.3; "


def delivery(domain: str) -> dict[str, str]:
    """Return how the mail server is made to deliver to a domain outside, and forgets it."""
    return {
        "provokes": send(f"somebody@{domain}", sender=WANGSHENG),
        "at": "client",
        "mends": QUEUE_EMPTY,
    }


def relayed(
    *settings: str, to: str = "127.0.0.1", port: int = 587, before: str = "", after: str = ""
) -> dict[str, str]:
    """Return how all mail that leaves is sent by a relay, and forgets it.

    to: where the relay is; by itself the site's own submission service. before, after:
    commands of the fault's own.
    """
    own = main_cf(f"relayhost = [{to}]:{port}", *settings)
    return {
        "breaks": f"{before}{own['breaks']}",
        "provokes": send("somebody@far.example", sender=WANGSHENG),
        "at": "client",
        "mends": f"{own['mends']}; {QUEUE_EMPTY}{after}",
    }


def send(to: str, *, sender: str = "'<>'", more: str = "") -> str:
    """Return a command that hands the mail server a message on port 25."""
    return f"{SWAKS} -n --from {sender} --to {to} {more} >/dev/null; true"


def greet(port: int) -> str:
    """Return a command that connects by SMTP, starts TLS and leaves."""
    return (
        f"timeout 2 {SWAKS} --to {WANGSHENG} --port {port} -tls --quit-after TLS >/dev/null; true"
    )


def submit(more: str, user: str = "wangsheng", password: str = PASSWORD) -> str:
    """Return a command that logs in at port 587."""
    login = f"--auth PLAIN --auth-user {user} --auth-password {shlex.quote(password)}"
    return f"{SWAKS} --port 587 -tls {login} --to {WANGSHENG} {more} >/dev/null; true"


def plain(port: int, *commands: str) -> str:
    """Return a command that speaks slowly without TLS and leaves."""
    said = "".join(f"sleep 0.2; printf {shlex.quote(command)}'\\r\\n'; " for command in commands)
    speak = f"exec 3<>/dev/tcp/10.89.0.3/{port}; cat >&3"
    return f"({said} sleep 0.2) | timeout 5 bash -c {shlex.quote(speak)} >/dev/null; true"


def session(port: int, *commands: str, stay: int = 0) -> str:
    """Return a command that speaks inside TLS and leaves with the server, or after `stay` s."""
    text = "".join(f"{command}\\r\\n" for command in commands)
    return (
        f"(printf {shlex.quote(text)}; sleep {stay}) | "
        f"timeout {stay or 9} openssl s_client -quiet -connect 10.89.0.3:{port} "
        ">/dev/null 2>&1; true"
    )


LOGIN = f'a login wangsheng "{PASSWORD}"'


def imap(user: str = "wangsheng", password: str = PASSWORD) -> str:
    """Return a command that logs in by IMAP and opens the inbox."""
    return session(993, f'a login {user} "{password}"', "b select inbox", "c logout")


def pop3(user: str = "wangsheng", password: str = PASSWORD) -> str:
    """Return a command that logs in by POP3."""
    return session(995, f"user {user}", f"pass {password}", "quit")
