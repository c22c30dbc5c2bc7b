"""Which way a question goes: straight from here, or from a host through its SSH connection.

Straight, wherever the port can be reached and the question proves something when it
comes from here. Otherwise from the asked host itself, and where even that proves
nothing, from another host of the site.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import islice

from provisioner.clients.dns import local_address_towards
from provisioner.clients.stream import BrokenOff, Stream
from provisioner.diagnostics import MailprovError
from provisioner.model.services import DNS_PORT
from provisioner.model.site import Host, IPAddress
from provisioner.probes.catalogue import address_literal
from provisioner.probes.finding import DIRECT
from provisioner.probes.question import ANYWHERE, Endpoint, Unasked, Vantage, parse_address
from provisioner.probes.reach import ReachAnswer
from provisioner.verbs.ports import Transport

CONNECT_LIMIT = 3.0  # seconds; a firewall that drops is told apart from a slow line
SSH_CONNECT_LIMIT = 10.0
_FRESH = 5.0  # seconds; mail servers wait for a minute and more
_OTHERS = 4  # hosts beside the asked one that a question may be put from
CONVERSATION_LIMIT = 15.0  # seconds a reply may take: DNS look-ups and Dovecot's penalties


class UnreachedError(BrokenOff):
    """There was no way to the endpoint, so that it was not even asked."""


@dataclass(frozen=True)
class Route:
    """A way to an endpoint. key: of the host whose SSH connection it takes, None for straight.

    source: our address as the endpoint sees it. target: the address to connect to.
    """

    key: str | None
    source: IPAddress
    target: IPAddress

    @property
    def via(self) -> str:
        """How findings call it."""
        return DIRECT if self.key is None else f"ssh:{self.key}"


class FirstConnections:
    """The connections that a survey made, each for the first question to its endpoint.

    A mail server starts a process for each connection: who connects only to hang up has it work
    for nothing. One that nobody has asked for soon is closed: its server may be tired of it.
    """

    def __init__(self) -> None:
        self._open: dict[Endpoint, tuple[socket.socket, float]] = {}

    def put(self, endpoint: Endpoint, connection: socket.socket) -> None:
        """Keep a connection, but to a name server: that waits for nobody."""
        if endpoint.port == DNS_PORT:
            connection.close()
        else:
            self._open[endpoint] = connection, time.monotonic()

    def take(self, endpoint: Endpoint) -> socket.socket | None:
        """Return the connection to an endpoint, once; None where there is none that is fresh."""
        connection, since = self._open.pop(endpoint, (None, 0.0))
        if connection is not None and time.monotonic() - since > _FRESH:
            connection.close()
            return None
        return connection

    def close(self) -> None:
        """Hang up those that nobody asked for."""
        while self._open:
            self._open.popitem()[1][0].close()


def survey(
    endpoints: Iterable[Endpoint], first: FirstConnections | None = None
) -> Mapping[Endpoint, ReachAnswer]:
    """Connect to every endpoint at once and return how that went. Takes CONNECT_LIMIT at most.

    first: takes the connections, which are closed otherwise.
    """
    distinct = list(dict.fromkeys(endpoints))
    if not distinct:
        return {}

    def reach(endpoint: Endpoint) -> ReachAnswer:
        return try_to_reach(endpoint, first)

    with ThreadPoolExecutor(max_workers=min(len(distinct), 64)) as pool:
        return dict(zip(distinct, pool.map(reach, distinct), strict=True))


def try_to_reach(endpoint: Endpoint, first: FirstConnections | None = None) -> ReachAnswer:
    """Connect straight to an endpoint, and hang up where nobody takes the connection."""
    local = local_address_towards(endpoint.address, endpoint.port)
    source = parse_address(local) if local else None
    try:
        connection = socket.create_connection((str(endpoint.address), endpoint.port), CONNECT_LIMIT)
    except ConnectionRefusedError:
        return ReachAnswer("refused", source=source)
    except TimeoutError:
        return ReachAnswer("timed out", f"no answer within {CONNECT_LIMIT:.0f} s", source)
    except OSError as problem:
        return ReachAnswer("unreachable", problem.strerror or str(problem), source)
    if first is None:
        connection.close()
    else:
        first.put(endpoint, connection)
    return ReachAnswer("open", source=source)


class Routes:
    """The ways there are.

    transports: by host key. reach: what `survey` found. first: the connections that it made.
    """

    def __init__(
        self,
        hosts: Sequence[Host],
        transports: Mapping[str, Transport],
        reach: Mapping[Endpoint, ReachAnswer],
        first: FirstConnections | None = None,
    ) -> None:
        self._hosts: Mapping[str, Host] = {host.key: host for host in hosts}
        self._transports = transports
        self._reach = reach
        self._first = first or FirstConnections()
        self._known: dict[tuple[int, int], tuple[Vantage, tuple[tuple[str, IPAddress], ...]]] = {}

    def choose(
        self, endpoint: Endpoint, vantage: Vantage = ANYWHERE, *, udp: bool = False
    ) -> list[Route] | Unasked:
        """Return the routes that prove something, best first, or why a question is not put.

        An empty list: it would prove something and there is no way to the endpoint.
        """
        near = list(self._near(endpoint, udp=udp, loopback=vantage.within is not None))
        fit = [route for route in near if vantage.admits(route.source, endpoint.address)]
        far = [] if udp else self._far(endpoint, ANYWHERE)
        if not udp:
            fit += self._far(endpoint, vantage)
        if fit or not (near or far):
            return fit
        seen_from = ", ".join(dict.fromkeys(str(route.source) for route in (*near, *far)))
        way = "SSH does not forward UDP, and " if udp else ""
        return Unasked(f"{way}a question from {seen_from} proves nothing: {_wanted(vantage)}")

    def _near(self, endpoint: Endpoint, *, udp: bool, loopback: bool) -> Iterator[Route]:
        """Yield the ways from here and from the asked host itself."""
        reached = self._reach.get(endpoint)
        if (
            reached is not None
            and reached.source is not None
            and (udp or reached.outcome == "open")
        ):
            yield Route(None, reached.source, endpoint.address)
        if not udp and endpoint.host in self._transports:
            yield Route(endpoint.host, endpoint.address, endpoint.address)
            if loopback:
                own = ip_address("127.0.0.1" if endpoint.address.version == 4 else "::1")  # noqa: PLR2004 IP version
                yield Route(endpoint.host, own, own)

    def _far(self, endpoint: Endpoint, vantage: Vantage) -> list[Route]:
        """Return the ways from a few other hosts, of those that the vantage admits.

        They are looked for once a vantage, and not once a question: there may be many hosts. Who
        is asked is left out of that.
        """
        version = endpoint.address.version
        known = self._known.get((id(vantage), version))
        if known is None:
            fit = self._sources(version, vantage)
            # With the vantage itself: another may get the number of one that is gone.
            known = self._known[id(vantage), version] = vantage, tuple(islice(fit, _OTHERS + 1))
        others = [
            Route(key, source, endpoint.address)
            for key, source in known[1]
            if key != endpoint.host and vantage.admits(source, endpoint.address)
        ]
        return others[:_OTHERS]

    def _sources(self, version: int, vantage: Vantage) -> Iterator[tuple[str, IPAddress]]:
        for key in self._transports:
            source = self._address_of(key, version)
            if source is not None and vantage.admits(source):
                yield key, source

    def _address_of(self, key: str, version: int) -> IPAddress | None:
        addresses = self._hosts[key].addresses if key in self._hosts else ()
        return next((address for address in addresses if address.version == version), None)

    def straight(self, endpoint: Endpoint) -> str:
        """Return how connecting straight from here went, for a person."""
        reached = self._reach.get(endpoint)
        return f"{DIRECT}: {reached.outcome if reached else 'not tried'}"

    def connect(self, route: Route, endpoint: Endpoint) -> socket.socket:
        """Return a connection over a route; raise OSError or MailprovError if there is none."""
        target = (str(route.target), endpoint.port)
        if route.key is None:
            return self._first.take(endpoint) or socket.create_connection(target, CONNECT_LIMIT)
        return self._transports[route.key].open_tcp(*target, SSH_CONNECT_LIMIT)


class EndpointLine:
    """A way to one endpoint, dialled as often as a question needs it."""

    def __init__(self, routes: Routes, chosen: Sequence[Route], endpoint: Endpoint) -> None:
        self._routes = routes
        self._chosen = list(chosen)
        self._endpoint = endpoint

    def dial(self) -> Stream:
        """Return a stream over the first route that works; raise UnreachedError if none does.

        A route that failed is not tried again.
        """
        words = [self._routes.straight(self._endpoint)]
        while self._chosen:
            try:
                connection = self._routes.connect(self._chosen[0], self._endpoint)
            except (OSError, MailprovError) as problem:
                words.append(f"{self._chosen.pop(0).via}: {_told(problem)}")
            else:
                return Stream(connection, CONVERSATION_LIMIT)
        raise UnreachedError("the connection failed: " + "; ".join(words))

    @property
    def via(self) -> str:
        """How findings call the route that is taken, empty when there is none."""
        return self._chosen[0].via if self._chosen else ""

    @property
    def source(self) -> IPAddress | None:
        """Our address as the endpoint sees it."""
        return self._chosen[0].source if self._chosen else None

    @property
    def helo(self) -> str:
        """How we introduce ourselves by SMTP: the literal of that address."""
        return address_literal(self.source) if self.source else "[127.0.0.1]"


def _wanted(vantage: Vantage) -> str:
    if vantage.within is not None:
        return "the client must be in networks.resolver"
    if vantage.beyond is not None:
        return "the client must be outside " + (", ".join(map(str, vantage.beyond)) or "the host")
    return "the client must be another host"


def _told(problem: OSError | MailprovError) -> str:
    if isinstance(problem, MailprovError):
        told = ((diagnostic.summary, diagnostic.got) for diagnostic in problem.diagnostics)
        return "; ".join(f"{summary} ({got})" if got else summary for summary, got in told)
    return problem.strerror or str(problem) or "timed out"
