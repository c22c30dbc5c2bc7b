"""How a resolver is asked, over UDP and TCP, seen by the resolver."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import dns.flags
import dns.message
import pytest

from provisioner.clients.asker import SiteAsker
from provisioner.probes.dns import DnsAnswer, RecordQuestion
from provisioner.probes.question import Endpoint, NoAnswer
from provisioner.site.load import parse_site

SITE = b"""\
domain: example.org
hosts: {mail: {address: 127.0.0.1}}
users: {alice: {password: {env: ALICE_PASSWORD}}}
"""
UNHURRIED_BY_UNBOUND = 5
"""Of its ten connections; every further one is closed after 0.2 to 0.3 s."""


class _Resolver(socketserver.ThreadingTCPServer):
    """Answers every question with no records, slowly; knows how many it had at once.

    impatient: how many connections it closes before it begins to answer.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.lock = threading.Lock()
        self.now = 0
        self.most = 0
        self.impatient = 0

    def is_impatient(self) -> bool:
        with self.lock:
            self.impatient -= 1
            return self.impatient >= 0

    def count(self, change: int) -> None:
        with self.lock:
            self.now += change
            self.most = max(self.most, self.now)


class _Answering(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Resolver)
        size = self.rfile.read(2)
        if not size:
            return  # somebody looked whether the port is open
        if self.server.is_impatient():
            return
        self.server.count(1)
        query = dns.message.from_wire(self.rfile.read(int.from_bytes(size, "big")))
        time.sleep(0.05)
        reply = dns.message.make_response(query).to_wire()
        # Before the answer is out: the next question may come at once.
        self.server.count(-1)
        self.wfile.write(len(reply).to_bytes(2, "big") + reply)


@pytest.fixture
def resolver() -> Iterator[_Resolver]:
    with _Resolver() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def _ask(resolver: _Resolver, count: int, *, udp: bool = False) -> list[object]:
    endpoint = Endpoint("mail", ip_address("127.0.0.1"), resolver.server_address[1])
    questions = [
        RecordQuestion(
            id=f"dns.{number}",
            text="Is it there?",
            endpoint=endpoint,
            name=f"n{number}.example.org",
            type="A",
            udp=udp,
            transport="udp" if udp else "tcp",
        )
        for number in range(count)
    ]
    hosts = parse_site(SITE, "site.yaml").site.hosts
    asker = SiteAsker(hosts=hosts, transports={}, account=None, fingerprints={})
    return [answered.answer for answered in asker.ask(questions)]


def test_lookups_over_tcp_leave_a_resolver_room(resolver: _Resolver) -> None:
    answers = _ask(resolver, 24)
    assert all(isinstance(answer, DnsAnswer) for answer in answers)
    assert 1 < resolver.most <= UNHURRIED_BY_UNBOUND


def test_a_lookup_whose_connection_was_closed_is_asked_again(resolver: _Resolver) -> None:
    resolver.impatient = 2
    (answer,) = _ask(resolver, 1)
    assert answer == DnsAnswer("NOERROR", source=ip_address("127.0.0.1"))


def test_a_resolver_that_closes_every_connection_gives_no_answer(resolver: _Resolver) -> None:
    resolver.impatient = 1000
    assert _ask(resolver, 1) == [NoAnswer("the server closed the connection")]


class _Truncating(socketserver.UDPServer):
    """Answers every question over UDP that the answer does not fit."""

    asked = 0


class _SayingSo(socketserver.DatagramRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Truncating)
        self.server.asked += 1
        reply = dns.message.make_response(dns.message.from_wire(self.rfile.read()))
        reply.flags |= dns.flags.TC
        self.wfile.write(reply.to_wire())


@pytest.fixture
def truncating(resolver: _Resolver) -> Iterator[_Truncating]:
    with _Truncating(("127.0.0.1", resolver.server_address[1]), _SayingSo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_an_answer_that_does_not_fit_into_udp_is_asked_for_over_tcp(
    resolver: _Resolver, truncating: _Truncating
) -> None:
    answers = _ask(resolver, 3, udp=True)
    assert answers == [DnsAnswer("NOERROR", source=ip_address("127.0.0.1"))] * 3
    assert truncating.asked == 3
    assert resolver.most >= 1


@pytest.mark.usefixtures("truncating")
def test_a_truncated_answer_without_one_over_tcp_is_none(resolver: _Resolver) -> None:
    resolver.impatient = 1000
    (answer,) = _ask(resolver, 1, udp=True)
    words = "truncated over UDP, then over TCP: the server closed the connection"
    assert answer == NoAnswer(words)
