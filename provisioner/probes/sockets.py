"""Which sockets listen on a host, read from the kernel's own tables.

/proc/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5)) need no tool on the host. An address
there is hexadecimal in 32-bit words of the host's byte order; every platform that
mailprov knows is little-endian.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from provisioner.model.services import DNS_PORT, LMTP_PORT, MAIL_PORTS, mail_services_of
from provisioner.model.site import Host, IPAddress, Role, Site
from provisioner.model.topology import deliverers
from provisioner.probes.finding import Finding, Status

# By transport, the state of what takes connections or datagrams: TCP_LISTEN, TCP_CLOSE.
_OPEN = {"tcp": "0A", "udp": "07"}
_WORD = 8  # hexadecimal digits of 32 bits


@dataclass(frozen=True)
class ListeningSocket:
    """A socket that takes connections or datagrams. transport: `tcp` or `udp`."""

    transport: str
    address: IPAddress
    port: int

    def serves(self, address: IPAddress) -> bool:
        """Tell whether what is sent to that address arrives here.

        The IPv6 wildcard may take IPv4 as well, which this table does not show; the
        probes from outside do.
        """
        if self.address.is_unspecified:
            return self.address.version >= address.version
        return self.address == address


def parse_sockets(tables: Mapping[str, str]) -> frozenset[ListeningSocket]:
    """Return what listens, from the tables' texts by name (`tcp`, `tcp6`, `udp`, `udp6`).

    Lines that are no socket's, the heading among them, are passed over.
    """
    return frozenset(
        socket
        for name, text in tables.items()
        for line in text.splitlines()
        if (socket := parse_socket(name.removesuffix("6"), line.split())) is not None
    )


def parse_socket(transport: str, fields: list[str]) -> ListeningSocket | None:
    """Return what listens by the fields of a row, None for a row that is no such socket's.

    transport: `tcp` or `udp`; KeyError for any other.
    """
    listens = _OPEN[transport]
    try:
        number, local, _, state = fields[:4]
        if not number.endswith(":"):
            return None
        digits, _, port = local.partition(":")
        if state != listens:
            return None
        return ListeningSocket(transport, _parse_hex(digits), int(port, 16))
    except ValueError:
        return None


def _parse_hex(digits: str) -> IPAddress:
    words = [digits[start : start + _WORD] for start in range(0, len(digits), _WORD)]
    packed = b"".join(bytes.fromhex(word)[::-1] for word in words)
    return IPv4Address(packed) if len(words) == 1 else IPv6Address(packed)


def judge_sockets(
    site: Site, host: Host, sockets: Iterable[ListeningSocket]
) -> tuple[Finding, ...]:
    """Judge what listens: every port of the model on every address, and no other mail port."""
    listening = frozenset(sockets)
    expected = [(service.name, "tcp", service.port) for service in mail_services_of(site, host)]
    if deliverers(site, host):
        expected.append(("lmtp", "tcp", LMTP_PORT))
    if Role.DNS in host.roles:
        expected += [("domain", "tcp", DNS_PORT), ("domain", "udp", DNS_PORT)]
    named = {port for _, _, port in expected}
    found = [
        _judge_port(host, name, transport, port, listening) for name, transport, port in expected
    ]
    return (*found, _judge_strays(host, named, listening))


def _judge_port(
    host: Host, name: str, transport: str, port: int, listening: frozenset[ListeningSocket]
) -> Finding:
    here = [s for s in listening if (s.transport, s.port) == (transport, port)]
    deaf = [str(a) for a in host.addresses if not any(socket.serves(a) for socket in here)]
    on = ", ".join(sorted(str(socket.address) for socket in here)) or "nothing listens"
    return Finding(
        id=f"listening.{transport}-{port}@{host.key}",
        host=host.key,
        question=f"Does {name} listen on {transport} port {port}?",
        status=Status.FAILED if deaf else Status.PASSED,
        got=f"on {on}" if here else on,
        want="on " + ", ".join(map(str, host.addresses)),
        remedy=(
            f"no program listens for {', '.join(deaf)}: read the reason in the daemon's "
            "log (a port in use, an address that the host lacks), then apply again"
        )
        if deaf
        else "",
    )


def _judge_strays(host: Host, named: set[int], listening: frozenset[ListeningSocket]) -> Finding:
    strays = sorted(
        {
            (socket.port, str(socket.address))
            for socket in listening
            if socket.transport == "tcp"
            and socket.port in MAIL_PORTS - named
            and not socket.address.is_loopback
        }
    )
    return Finding(
        id=f"listening.no-other-mail-port@{host.key}",
        host=host.key,
        question="Are all mail ports closed that the site does not name?",
        status=Status.FAILED if strays else Status.PASSED,
        got=", ".join(f"{port} on {address}" for port, address in strays) or "none",
        want="no other mail port open to the network",
        remedy=(
            "find the program with `ss -ltnp` on the host; stop and disable its "
            "service, or give the host the role of that port"
        )
        if strays
        else "",
    )
