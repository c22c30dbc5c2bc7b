"""The addresses that a host has, beside those that the site says it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network

from provisioner.diagnostics import Diagnostic
from provisioner.model.site import Host, IPAddress, IPNetwork
from provisioner.remote.protocol import Section, each, fields


@dataclass(frozen=True)
class HostAddresses:
    """What a host's services can be bound to.

    local: its own addresses, and whole networks where the kernel takes those for its own
    (127.0.0.0/8). nonlocal_versions: versions of IP in which any other address will do too,
    because it may come later (sysctl ip_nonlocal_bind).
    """

    local: tuple[IPNetwork, ...]
    nonlocal_versions: frozenset[int] = frozenset()

    def has(self, address: IPAddress) -> bool:
        """Tell whether the host has the address now."""
        return any(address in network for network in self.local)


def parse_addresses(rows: Iterable[str]) -> HostAddresses | None:
    """Return the addresses from the observing program's rows, None if there are none.

    Rows are of version and address, `4` with a prefix length and `6` as in /proc/net/if_inet6,
    or of `nonlocal` and a version. MalformedError for any other.
    """
    told = tuple(each(Section.ADDRESSES, rows, _read))
    local = tuple(one for one in told if not isinstance(one, int))
    versions = frozenset(one for one in told if isinstance(one, int))
    return HostAddresses(local, versions) if local else None


def _read(row: str) -> IPNetwork | int:
    """Return the network of a row, or the version of IP that it has a word on."""
    kind, text = fields(row, 2)
    if kind == "nonlocal":
        return int(text)
    return ip_network(int(text, 16).to_bytes(16, "big") if kind == "6" else text)


def absent_addresses(host: Host, found: HostAddresses | None) -> tuple[IPAddress, ...]:
    """Return the host's addresses in the site file that are on none of its interfaces."""
    if found is None:
        return ()
    return tuple(address for address in host.addresses if not found.has(address))


def address_diagnostics(
    host: Host, absent: Iterable[IPAddress], found: HostAddresses
) -> Iterator[Diagnostic]:
    """Yield what is wrong with absent addresses, nothing if daemons can do without them."""
    missing = [one for one in absent if one.version not in found.nonlocal_versions]
    if not missing:
        return
    listed = ", ".join(map(str, missing))
    own = [str(one) for one in _outer(found)]
    place = f"hosts.{host.key}"
    first = next(iter(own), "ADDRESS")
    yield Diagnostic(
        summary=f"{listed} {'is' if len(missing) == 1 else 'are'} on no interface; the host has "
        f"{', '.join(own) or 'none that others reach'}; nothing was changed",
        where=str(host.key),
        got=f"{place}.address: {listed}",
        want="the host's own addresses: services listen there",
        fix=f"correct {place}.address. If a router translates {missing[0]} to the host, "
        f"write `address: {first}` and `public_address: {missing[0]}`; if you log in "
        f"through that, also `ssh: {{address: {missing[0]}}}`. If it comes later, as with "
        f"keepalived, set net.ipv{missing[0].version}.ip_nonlocal_bind=1 there: daemons "
        "then start without it",
    )


def address_notice(host: Host, absent: Iterable[IPAddress]) -> str:
    """Return what to know of addresses that are not there, and may come yet."""
    return f"{host.key}: on no interface now: {', '.join(map(str, absent))}"


def _outer(found: HostAddresses) -> list[IPAddress]:
    """Return the addresses at which others may reach the host, IPv4 first."""
    single = [network for network in found.local if network.num_addresses == 1]
    addresses = [ip_address(network.network_address) for network in single]
    seen = [one for one in addresses if not one.is_loopback and not one.is_link_local]
    return sorted(seen, key=lambda one: (not isinstance(one, IPv4Address), int(one)))
