"""One command over one or several sites: a run for each, all over one fleet.

The sites are independent. What goes wrong on a host of one stops the run over that site, and
no other's. What is observed, compared and asked is done on the hosts of all sites side by side.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.phases import Group, groups_of
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Fleet, Gathered, Naming, Progress, Run, by_key, gather

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 an item

SITES_AT_ONCE = 8
"""Sites whose services are asked at the same time; each of them takes a dozen connections."""

Work = Callable[[Run, Host, Transport], T]


@dataclass(frozen=True)
class Runs:
    """The runs of one command, in the order in which its site files were named.

    All have the same fleet, progress, owner and machines, and there is at least one. several:
    whether more than one site file was named; a host is then shown with its site.
    """

    runs: tuple[Run, ...]
    several: bool = False

    @classmethod
    def over(cls, run: Run) -> Runs:
        """Return the runs of a command that takes one site."""
        return cls((run,))

    @property
    def fleet(self) -> Fleet:
        """The hosts of all sites."""
        return self.runs[0].fleet

    @property
    def progress(self) -> Progress:
        """Who tells a person what is going on."""
        return self.runs[0].progress

    @property
    def name(self) -> Naming:
        """How a host is shown to a person."""
        return str if self.several else by_key

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts of all runs, site by site."""
        return tuple(host for run in self.runs for host in run.hosts)

    def groups(self) -> tuple[Group, ...]:
        """Return the groups of all sites, as far as their hosts take part."""
        chosen = {host.ref for host in self.hosts}
        return tuple(
            tuple(host for host in group if host.ref in chosen)
            for run in self.runs
            for group in groups_of(run.site)
        )

    def of(self, host: HostRef) -> Run:
        """Return the run over the host's site."""
        return self._by_site[host.site]

    @cached_property
    def _by_site(self) -> Mapping[DomainName, Run]:
        return {run.site.domain: run for run in self.runs}

    def within(self, sites: Collection[DomainName]) -> Runs:
        """Return the runs over these sites alone, one at least."""
        return replace(self, runs=tuple(run for run in self.runs if run.site.domain in sites))

    def over_hosts(self, refs: Collection[HostRef]) -> Runs:
        """Return the runs over these hosts alone, one at least."""
        left = (
            replace(run, hosts=tuple(host for host in run.hosts if host.ref in refs))
            for run in self.runs
        )
        return replace(self, runs=tuple(run for run in left if run.hosts))

    def gather(self, work: Work[T], hosts: Sequence[Host] | None = None) -> Gathered[T]:
        """Do the work on these hosts side by side, all where not given; raises nothing for one."""
        chosen = self.hosts if hosts is None else hosts
        return gather(self.fleet, chosen, lambda host, way: work(self.of(host.ref), host, way))

    def refuse_shared_machines(self) -> None:
        """Raise MailprovError (refused) if two of the hosts observed so far are one machine."""
        self.runs[0].machines.refuse_shared(self.name)


def side_by_side(items: Sequence[I], work: Callable[[I], T]) -> list[T]:
    """Return what the work makes of each item, in their order; what it raises is raised here.

    A lone item is worked on in this thread. The others are daemon threads, which Ctrl-C leaves
    behind, as with a fleet.
    """
    if len(items) == 1:
        return [work(items[0])]
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, T] | BaseException] = queue.SimpleQueue()
    for number in range(len(items)):
        waiting.put(number)

    def labour() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(items[number])))
            except BaseException as error:  # noqa: BLE001 raised again in the caller's thread
                done.put(error)

    for _ in range(min(SITES_AT_ONCE, len(items))):
        threading.Thread(target=labour, name="mailprov", daemon=True).start()
    results: dict[int, T] = {}
    for _ in items:
        came = done.get()
        if isinstance(came, BaseException):
            raise came
        results[came[0]] = came[1]
    return [results[number] for number in range(len(items))]
