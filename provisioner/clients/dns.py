"""DNS queries over UDP and over a TCP stream that may lead through SSH (RFC 1035, 7766).

What goes over the wire is dnspython's affair; how often a server is asked, and what an end
without an answer means, is told here.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from provisioner.clients.stream import BrokenOff, Stream
from provisioner.model.site import IPAddress
from provisioner.probes.dns import DnsAnswer
from provisioner.probes.question import Endpoint

UDP_LIMIT = 4.0
"""Seconds for an answer over UDP, all tries together."""
_TRIES = 2  # UDP may lose a packet
_TCP_TRIES = 3

Dial = Callable[[], Stream]


def lookup_over_udp(
    endpoint: Endpoint, name: str, rdtype: str, dial: Dial, limit: float = UDP_LIMIT
) -> DnsAnswer:
    """Ask a server over UDP, and over TCP where its answer does not fit (RFC 7766 section 5).

    dial: opens a stream to the server. limit: seconds over UDP. Raises BrokenOff if no whole
    answer comes.
    """
    query = _query(name, rdtype)
    try:
        return _answer(_ask_over_udp(query, endpoint, limit), rdtype)
    except dns.message.Truncated:
        pass
    try:
        return lookup_over_tcp(dial, name, rdtype)
    except BrokenOff as end:
        raise BrokenOff(f"truncated over UDP, then over TCP: {end}") from end


def _ask_over_udp(
    query: dns.message.Message, endpoint: Endpoint, limit: float
) -> dns.message.Message:
    """Return the reply; raise dns.message.Truncated for one that is not whole, or BrokenOff."""
    last = BrokenOff("not asked")
    for _ in range(_TRIES):
        try:
            with _told():
                return dns.query.udp(
                    query,
                    str(endpoint.address),
                    timeout=limit / _TRIES,
                    port=endpoint.port,
                    raise_on_truncation=True,
                )
        except BrokenOff as end:
            last = end
    raise BrokenOff(f"over UDP: {last}") from last


def lookup_over_tcp(dial: Dial, name: str, rdtype: str) -> DnsAnswer:
    """Ask a server over a stream that `dial` opens; raise BrokenOff if it does not answer.

    A server may close a connection that it finds idle, and a busy one does so early: then
    it is asked again over a new one (RFC 7766 section 6.2.4).
    """
    for _ in range(_TCP_TRIES - 1):
        try:
            return _ask_over_tcp(dial, name, rdtype)
        except BrokenOff as end:
            if not end.hung_up:
                raise
    return _ask_over_tcp(dial, name, rdtype)


def _ask_over_tcp(dial: Dial, name: str, rdtype: str) -> DnsAnswer:
    query = _query(name, rdtype)
    with dial() as stream, _told():
        until = time.time() + stream.limit  # dnspython counts by this clock
        connection = stream.nonblocking()
        dns.query.send_tcp(connection, query, until)
        reply, _ = dns.query.receive_tcp(connection, until)
        if not query.is_response(reply):
            raise dns.query.BadResponse
    return _answer(reply, rdtype)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what dnspython raises into the words of a person; Truncated and BrokenOff pass."""
    try:
        yield
    except dns.message.Truncated:
        raise
    except (dns.exception.Timeout, TimeoutError) as problem:
        raise BrokenOff("timed out") from problem
    except (EOFError, ConnectionResetError, BrokenPipeError) as problem:
        raise BrokenOff("the server closed the connection", hung_up=True) from problem
    except dns.query.BadResponse as problem:
        raise BrokenOff("the reply does not match the query") from problem
    except dns.exception.DNSException as problem:
        raise BrokenOff(f"not a DNS message: {problem}") from problem
    except OSError as problem:
        raise BrokenOff(problem.strerror or str(problem)) from problem


def local_address_towards(address: IPAddress, port: int) -> str | None:
    """Return the address that this machine would use to talk to another; nothing is sent."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 IP version
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), port))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _query(name: str, rdtype: str) -> dns.message.Message:
    return dns.message.make_query(name, rdtype, use_edns=0, flags=dns.flags.RD)


def _answer(reply: dns.message.Message, rdtype: str) -> DnsAnswer:
    kind = dns.rdatatype.from_text(rdtype)
    records = (rdata.to_text() for rrset in reply.answer if rrset.rdtype == kind for rdata in rrset)
    errors = (f"{error.code!s} {error.text or ''}".strip() for error in reply.extended_errors())
    return DnsAnswer(
        rcode=dns.rcode.to_text(reply.rcode()), records=frozenset(records), words="; ".join(errors)
    )
