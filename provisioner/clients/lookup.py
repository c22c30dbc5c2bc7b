"""DNS queries over UDP and over a TCP stream that may lead through SSH (RFC 1035, 7766)."""

from __future__ import annotations

import socket
from collections.abc import Callable

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from provisioner.clients.stream import BrokenOff, Stream
from provisioner.model.site import IPAddress
from provisioner.probes.dns import DnsAnswer

_TRIES = 2  # UDP may lose a packet
_TCP_TRIES = 3


def lookup_over_udp(
    address: IPAddress, port: int, name: str, rdtype: str, limit: float
) -> DnsAnswer:
    """Ask a server over UDP; raise BrokenOff if it stays silent. limit: seconds in all."""
    query = _query(name, rdtype)
    problem: Exception | None = None
    for _ in range(_TRIES):
        try:
            reply = dns.query.udp(query, str(address), timeout=limit / _TRIES, port=port)
        except (dns.exception.DNSException, OSError) as caught:
            problem = caught
        else:
            return _answer(reply, rdtype)
    silent = isinstance(problem, dns.exception.Timeout | TimeoutError)
    raise BrokenOff("no answer over UDP" if silent else f"over UDP: {problem}") from problem


def lookup_over_tcp(dial: Callable[[], Stream], name: str, rdtype: str) -> DnsAnswer:
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


def _ask_over_tcp(dial: Callable[[], Stream], name: str, rdtype: str) -> DnsAnswer:
    query = _query(name, rdtype)
    wire = query.to_wire()
    with dial() as stream:
        stream.send(len(wire).to_bytes(2, "big") + wire)
        answer = stream.read_exactly(int.from_bytes(stream.read_exactly(2), "big"))
    try:
        reply = dns.message.from_wire(answer)
    except dns.exception.DNSException as problem:
        raise BrokenOff(f"not a DNS message: {problem}") from problem
    if not query.is_response(reply):
        raise BrokenOff("the reply is to another question")
    return _answer(reply, rdtype)


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
