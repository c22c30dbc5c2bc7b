"""What every verb that talks to hosts needs, handed in by the command line.

Everything that a run keeps for a host is kept under its `HostRef`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, Protocol, TypeVar

from provisioner.diagnostics import MailprovError
from provisioner.facts.host import Facts, Introduction
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host, Site
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import Look
from provisioner.verbs.compiling import Compiler
from provisioner.verbs.machines import Machines
from provisioner.verbs.ports import Transport
from provisioner.verbs.session import Compile, HostSession

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


Naming = Callable[[HostRef], str]
"""What a person is shown for a host: `by_key`, or with several sites `str`."""


def by_key(ref: HostRef) -> str:
    """Return the host's key alone, which is enough where there is one site."""
    return str(ref.host)


class HostAnswer(Protocol[T_co]):
    """What came of the work on one host: exactly one of value and error is set."""

    @property
    def host(self) -> Host: ...  # noqa: D102 the class says it

    @property
    def value(self) -> T_co | None: ...  # noqa: D102 the class says it

    @property
    def error(self) -> MailprovError | None: ...  # noqa: D102 the class says it


class Fleet(Protocol):
    """The site's hosts, each connected at first need and kept open."""

    def each(
        self, hosts: Sequence[Host], work: Callable[[Host, Transport], T]
    ) -> Iterator[HostAnswer[T]]:
        """Do the work on all hosts side by side; yield each one's answer as it ends."""
        ...

    def transport(self, host: Host) -> Transport:
        """Return the open way to a host, or open it; MailprovError if that fails."""
        ...

    def reopen(self, host: Host) -> Transport:
        """Return a fresh connection in place of the host's; MailprovError if that fails."""
        ...


class Progress(Protocol):
    """Who tells a person what is going on."""

    def tell(self, host: HostRef, text: str) -> None:
        """Say what a host is doing now."""
        ...


@dataclass(frozen=True)
class Gathered(Generic[T]):
    """What came of some work on several hosts, in the order in which they were given."""

    values: dict[HostRef, T]
    errors: dict[HostRef, MailprovError]


def of_site(by_host: Mapping[HostRef, T], site: DomainName) -> dict[HostRef, T]:
    """Return what is about the hosts of one site."""
    return {ref: one for ref, one in by_host.items() if ref.site == site}


def gather(
    fleet: Fleet, hosts: Sequence[Host], work: Callable[[Host, Transport], T]
) -> Gathered[T]:
    """Do the work on these hosts side by side; raises nothing for a host."""
    answers = {answer.host.ref: answer for answer in fleet.each(hosts, work)}
    ordered = [(host.ref, answers[host.ref]) for host in hosts]
    return Gathered(
        {ref: answer.value for ref, answer in ordered if answer.value is not None},
        {ref: answer.error for ref, answer in ordered if answer.error is not None},
    )


@dataclass(frozen=True)
class Run:
    """One run of a verb over the site.

    hosts: those that `--limit` leaves. programs: the remote program by verb. owner: who
    holds a host's lock while the run changes it. own_roots: the roots among the operator's own
    certificates, in PEM; None where the hosts make theirs, or where nothing of it was read.
    machines: which machine each host turned out to be.
    """

    site: Site
    hosts: tuple[Host, ...]
    fleet: Fleet
    programs: Mapping[str, str]
    compiler: Compiler
    progress: Progress
    owner: str
    own_roots: str | None = None
    machines: Machines = field(default_factory=Machines)

    def gather(self, work: Callable[[Host, Transport], T]) -> Gathered[T]:
        """Do the work on the run's hosts side by side; raises nothing for a host."""
        return gather(self.fleet, self.hosts, work)

    def session(self, transport: Transport) -> HostSession:
        """Return the session over an open transport."""
        return HostSession(transport, self.programs)

    def observe(
        self, host: Host, transport: Transport, look: Look = Look.COMPARED
    ) -> tuple[Generation, Facts]:
        """Return what a host should be and what it is; see `HostSession.observe`."""
        self.progress.tell(host.ref, "observing")
        return self.observe_as(host, transport, partial(self.compiler.generation_for, host), look)

    def observe_as(
        self, host: Host, transport: Transport, compile_for: Compile, look: Look = Look.COMPARED
    ) -> tuple[Generation, Facts]:
        """Return the same for a host that should be what `compile_for` makes of it."""

        def noted(introduction: Introduction) -> Generation:
            # Also of a host that nothing can be compiled for.
            self.machines.note(host.ref, introduction.machine)
            return compile_for(introduction)

        return self.session(transport).observe(noted, look)
