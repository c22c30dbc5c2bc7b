"""What all questions have in common: whom to ask, from where, and how to judge.

A question is a frozen dataclass, derived from the site alone. Whoever holds the
sockets asks it and hands back an `Answered`; `judge` makes findings of that. Three
things can come back: an answer of the question's own type, a `NoAnswer` (the server
was silent or broke off: the probe failed) or an `Unasked` (there was no place from
which the question would have proven anything: the probe is skipped, with the reason).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Generic, TypeVar

from provisioner.model.networks import NetworkSet
from provisioner.model.site import IPAddress, IPNetwork
from provisioner.probes.finding import DIRECT, Finding, Status

A = TypeVar("A")


@dataclass(frozen=True)
class Endpoint:
    """Where a question goes: a host of the site, one of its addresses, a port."""

    host: str
    address: IPAddress
    port: int

    def __str__(self) -> str:
        shown = f"[{self.address}]" if self.address.version == 6 else str(self.address)  # noqa: PLR2004 IP version
        return f"{shown}:{self.port}"


@dataclass(frozen=True)
class Vantage:
    """From where a question proves something.

    within: the asker's address must lie in one of these networks, or be loopback; None
    admits everybody. beyond: it must lie in none of these, nor be loopback; None again
    admits everybody. stranger: it must not be an address of the host that is asked, because
    Dovecot takes a client on its own address for a secure one.
    """

    within: tuple[IPNetwork, ...] | None = None
    beyond: tuple[IPNetwork, ...] | None = None
    stranger: bool = False

    @cached_property
    def _near(self) -> NetworkSet:
        return NetworkSet(self.within or ())

    @cached_property
    def _far(self) -> NetworkSet:
        return NetworkSet(self.beyond or ())

    def admits(self, source: IPAddress, asked: IPAddress | None = None) -> bool:
        """Tell whether a question from `source` to `asked` (None: to another) proves something."""
        if source.is_loopback:
            return self.beyond is None and not self.stranger
        if self.stranger and source == asked:
            return False
        if self.within is not None and source not in self._near:
            return False
        return self.beyond is None or source not in self._far


ANYWHERE = Vantage()


@dataclass(frozen=True)
class NoAnswer:
    """Nothing that can be judged came back. words: what happened, for a person."""

    words: str


@dataclass(frozen=True)
class Unasked:
    """The question was not put. reason: one sentence for a person."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Question(ABC, Generic[A]):
    """One question to one endpoint.

    id: stable and unique within a verification. text: the question in words. endpoint:
    whom to ask. vantage: from where. udp: it cannot travel through SSH. pending: it is put to
    a configuration that is not confirmed yet, whose refusals are temporary (4xx) because of
    Postfix's soft_bounce.
    """

    id: str
    text: str
    endpoint: Endpoint
    vantage: Vantage = ANYWHERE
    udp: bool = False
    pending: bool = False

    @property
    def negative(self) -> bool:
        """Whether a refusal is wanted, so that where nobody can be asked nothing is proven."""
        return False

    def while_pending(self) -> Question[A] | None:
        """Return the question as it is put to a new configuration, which goes if the answer is bad.

        None: it is no question of whether that stays.
        """
        return None

    @property
    def host(self) -> str:
        """The key of the host that is asked."""
        return self.endpoint.host

    @property
    @abstractmethod
    def want(self) -> str:
        """The expected answer, for a person."""

    @property
    @abstractmethod
    def remedy(self) -> str:
        """What to do when the answer is another one."""

    @abstractmethod
    def judge(self, answer: A) -> tuple[Finding, ...]:
        """Return what an answer means."""

    def finding(self, status: Status, got: str, *, remedy: str | None = None) -> Finding:
        """Return a finding of this question; the remedy stands only where one is needed."""
        needed = status in {Status.FAILED, Status.WARNING}
        return Finding(
            id=self.id,
            host=self.host,
            question=self.text,
            status=status,
            got=got,
            want=self.want,
            remedy=(self.remedy if remedy is None else remedy) if needed else "",
            via="",
        )

    def passed(self, got: str) -> tuple[Finding, ...]:
        """Return the one finding that all is as it should be."""
        return (self.finding(Status.PASSED, got),)

    def failed(self, got: str, *, remedy: str | None = None) -> tuple[Finding, ...]:
        """Return the one finding that something is wrong."""
        return (self.finding(Status.FAILED, got, remedy=remedy),)


@dataclass(frozen=True)
class Answered:
    """A question, what came back, and by which way it went (`direct` or `ssh:KEY`)."""

    question: Question[Any]
    answer: Any
    via: str = DIRECT


def judge(answered: Answered) -> tuple[Finding, ...]:
    """Return the findings that follow from an answer, or from its absence."""
    question, answer = answered.question, answered.answer
    if isinstance(answer, Unasked):
        findings: tuple[Finding, ...] = (question.finding(Status.SKIPPED, answer.reason),)
    elif isinstance(answer, NoAnswer):
        # Whether the service works at all is another question's business.
        undecided = question.pending and question.negative
        findings = (
            (question.finding(Status.SKIPPED, answer.words),)
            if undecided
            else question.failed(answer.words)
        )
    else:
        findings = question.judge(answer)
    return tuple(
        finding if finding.via else replace(finding, via=answered.via) for finding in findings
    )


def parse_address(text: str) -> IPAddress:
    """Return the address of a socket's name, without a scope; raise ValueError if it is none."""
    return ip_address(text.partition("%")[0])
