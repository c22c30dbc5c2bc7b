"""From where a question proves something, and what becomes of answers that are none."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import (
    ANYWHERE,
    Answered,
    Endpoint,
    NoAnswer,
    Question,
    Unasked,
    Vantage,
    judge,
    parse_address,
)

ASKED = ip_address("192.0.2.10")
LAN = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize(
    ("vantage", "source", "want"),
    [
        (ANYWHERE, "127.0.0.1", True),
        (ANYWHERE, "203.0.113.1", True),
        (Vantage(within=LAN), "192.0.2.7", True),
        (Vantage(within=LAN), "::ffff:192.0.2.7", True),
        (Vantage(within=LAN), "2001:db8::7", True),
        (Vantage(within=LAN), "203.0.113.1", False),
        (Vantage(within=()), "203.0.113.1", False),
        (Vantage(within=LAN), "127.0.0.1", True),
        (Vantage(beyond=LAN), "203.0.113.1", True),
        (Vantage(beyond=LAN), "192.0.2.7", False),
        (Vantage(beyond=()), "192.0.2.7", True),
        (Vantage(beyond=()), "127.0.0.1", False),
        (Vantage(stranger=True), "192.0.2.10", False),
        (Vantage(stranger=True), "127.0.0.1", False),
        (Vantage(stranger=True), "192.0.2.11", True),
    ],
)
def test_a_vantage_admits_who_proves_something(
    *, vantage: Vantage, source: str, want: bool
) -> None:
    assert vantage.admits(ip_address(source), ASKED) is want


def test_an_endpoint_reads_like_a_socket_address() -> None:
    got = [str(Endpoint("mail", ip_address(text), 25)) for text in ("192.0.2.10", "2001:db8::1")]
    assert got == ["192.0.2.10:25", "[2001:db8::1]:25"]


def test_a_scope_is_no_part_of_an_address() -> None:
    assert parse_address("fe80::1%eth0") == ip_address("fe80::1")


class Echo(Question[str]):
    """A question that passes whatever comes."""

    @property
    def want(self) -> str:
        return "anything"

    @property
    def remedy(self) -> str:
        return "ask again"

    def judge(self, answer: str) -> tuple[Finding, ...]:
        return self.passed(answer)


ECHO = Echo(id="echo@mail", text="Hello?", endpoint=Endpoint("mail", ASKED, 7))


def test_an_answer_is_judged_and_keeps_the_way_it_came() -> None:
    (got,) = judge(Answered(ECHO, "hello", via="ssh:ns"))
    want = (Status.PASSED, "hello", "", "ssh:ns")
    assert (got.status, got.got, got.remedy, got.via) == want


def test_silence_fails_with_its_words_and_the_remedy() -> None:
    (got,) = judge(Answered(ECHO, NoAnswer("timed out")))
    assert (got.status, got.got, got.remedy) == (Status.FAILED, "timed out", "ask again")


def test_a_question_that_was_not_put_is_skipped_with_the_reason() -> None:
    (got,) = judge(Answered(ECHO, Unasked("nobody home")))
    assert (got.status, got.got, got.remedy) == (Status.SKIPPED, "nobody home", "")
