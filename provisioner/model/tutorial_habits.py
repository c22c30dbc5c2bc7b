"""Notes about what a site file cannot say, and what usually goes with what it says.

A site that relays, resolves and lets people log in without protection mostly comes from
a guide that also switches SELinux and the firewall off and knows no port for users.
mailprov does none of this; whoever followed the guide may have done it by hand.
"""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.insecurities import is_used
from provisioner.model.problems import SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.services import DNS_PORT, SMTP_PORT, ports_of, submission_services
from provisioner.model.site import Allowance, Host, Site

_TELLING = (
    Allowance.OPEN_RELAY,
    Allowance.OPEN_RESOLVER,
    Allowance.CLEARTEXT_LOGIN,
    Allowance.NO_TLS,
)
_ENOUGH = 3
_SOURCE = "a site that allows all this usually comes from a guide that also"


def note_habits(reading: Reading, site: Site) -> tuple[SiteProblem, ...]:
    """Return notes for a site that makes use of most of the unsafe allowances."""
    used = [one for one in reading.file.allow_insecure if one in _TELLING]
    used = [one for one in used if is_used(reading, one)]
    if len(used) < _ENOUGH:
        return ()
    got = ", ".join(used)
    return tuple(
        SiteProblem(("allow_insecure",), summary, got=got, want=want, fix=fix, at_key=True)
        for summary, want, fix in _habits(site)
    )


def _habits(site: Site) -> Iterator[tuple[str, str, str]]:
    """Yield summary, want and fix of each habit; ports are those of the site."""
    denied = (
        "if SELinux then denies something, `ausearch -m avc -ts recent` names it: correct its label"
    )
    yield (
        f"{_SOURCE} switches SELinux off, which confines a compromised daemon",
        "SELinux enforcing, if the system has it",
        f"`setenforce 1` and SELINUX=enforcing in /etc/selinux/config; {denied}",
    )
    opened = "; ".join(_opened(site, host) for host in site.hosts)
    yield (
        f"{_SOURCE} switches the firewall off, which opens every other service, too",
        f"the firewall on, and open for SSH and for {opened}",
        "open these in firewalld or nftables; `mailprov verify` tests whether they are reachable",
    )
    ports = sorted((one.port for one in submission_services(site)), reverse=True)
    shown = " and ".join(map(str, ports))
    trouble = "providers block that port for users, and every password guesser tries it"
    yield (
        f"{_SOURCE} never opens 587 and has users send on {SMTP_PORT}: {trouble}",
        f"users send on {shown}, which this site opens; {SMTP_PORT} is for other servers",
        f"set mail clients to port {ports[0]}, with login",
    )


def _opened(site: Site, host: Host) -> str:
    ports = ports_of(site, host)
    shown = (f"{port} (TCP and UDP)" if port == DNS_PORT else str(port) for port in ports)
    return f"{host.key}: {', '.join(shown)}"
