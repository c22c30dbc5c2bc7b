"""How services of master.cf are named in the site file, and which ones mailprov has itself."""

from __future__ import annotations

from provisioner.model.services import SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT

# Names of /etc/services for the ports that master.cf gives as numbers.
_PORTS = {
    "smtp/inet": str(SMTP_PORT),
    "submission": str(SUBMISSION_PORT),
    "submissions": str(SUBMISSIONS_PORT),
    "smtps": str(SUBMISSIONS_PORT),
}
WORKINGS = frozenset(
    {"pickup", "cleanup", "qmgr", "tlsmgr", "rewrite", "bounce", "defer", "trace", "verify"}
    | {"flush", "proxymap", "proxywrite", "smtp", "relay", "showq", "error", "retry", "discard"}
    | {
        "local",
        "virtual",
        "lmtp",
        "anvil",
        "scache",
        "postlog",
        "submission-cleanup",
        "host-cleanup",
    }
)
"""mailprov's services that are no ports, as `canonical_service` has them."""
MX_SERVICE = str(SMTP_PORT)
COLUMNS = ("private", "unprivileged", "chroot", "wakeup", "process_limit", "command")
"""The columns of master(5) behind name and type, by the keys that the site file has for them."""


def canonical_service(written: str) -> str:
    """Return the one name of a service that may be written in several ways.

    That is a port's number, or the first column of master.cf (master(5)). A type other than
    the usual one stays part of it.
    """
    name = _PORTS.get(written) or _PORTS.get(written.removesuffix("/inet")) or written
    service, _, kind = name.partition("/")
    usual = "inet" if service.isdecimal() else "unix-dgram" if service == "postlog" else "unix"
    return service if kind == usual else name


def has_matching_braces(text: str) -> bool:
    """Tell whether each brace of a text has its counterpart behind it (master(5), `{ … }`)."""
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0
