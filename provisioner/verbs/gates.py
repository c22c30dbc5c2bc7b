"""The actions of sites, and their gates: what is done and asked between transactions.

A closed gate ends the run, or with patience is asked again until it passes. Nothing of that is
written on the controller: what is behind a host it remembers itself, with its next transaction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host
from provisioner.plan.site_phases import (
    DueAction,
    DueGate,
    PhaseOutcome,
    PhaseStatus,
    closed_outcome,
    due_actions,
    due_gates,
    is_open,
    outcome_of,
    pause_before,
)
from provisioner.probes.finding import Finding
from provisioner.probes.question import judge
from provisioner.rooms.phase import SitePhase
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.outcome import HostOutcome
from provisioner.verbs.ports import Transport
from provisioner.verbs.remote_failure import stderr_of
from provisioner.verbs.run import Run
from provisioner.verbs.runs import Runs

ACTION_SECONDS = 60.0


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Patience:
    """How long a run waits at closed gates. longest: None for as long as it takes."""

    longest: timedelta | None = timedelta()
    now: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = time.sleep


@dataclass
class SiteCourse:
    """How the sites of a run get on between transactions."""

    runs: Runs
    open_asker: OpenAsker
    patience: Patience
    _news: list[PhaseOutcome] = field(default_factory=list)
    _stopped: set[DomainName] = field(default_factory=set)
    _closed: dict[tuple[DomainName, str], PhaseOutcome] = field(default_factory=dict)
    _attempts: int = 0
    _deadline: datetime | None = None

    def news(self) -> tuple[PhaseOutcome, ...]:
        """Return the actions and gates that were done or passed, or failed, since the last time."""
        news = tuple(self._news)
        self._news.clear()
        return news

    @property
    def closed(self) -> tuple[PhaseOutcome, ...]:
        """The gates that are closed."""
        return tuple(self._closed.values())

    def go_on(self, outcomes: Sequence[HostOutcome]) -> frozenset[HostRef]:
        """Do and ask what is due, and return the hosts that go on behind it; none: that was all.

        A site where something failed is left alone. Raises MailprovError (interrupted) for Ctrl-C.
        """
        stopped = {one.host.site for one in outcomes if one.error}
        ahead = {one.host: one.ahead for one in outcomes if one.host.site not in stopped}
        actions, gates = due_actions(ahead), due_gates(ahead)
        with self._interruptible(actions or gates):
            if gained := self._act(actions):
                return gained
            gates = tuple(one for one in gates if one.hosts[0].site not in self._stopped)
            while True:
                if passed := self._ask([one for one in gates if one.identity not in self._closed]):
                    return passed
                closed = [one for one in gates if one.identity in self._closed]
                if not closed or not self._wait(closed):
                    return frozenset()

    def _act(self, actions: Sequence[DueAction]) -> frozenset[HostRef]:
        gained: list[HostRef] = []
        for due in actions:
            site = due.hosts[0].site
            if site in self._stopped:
                continue
            if error := self._perform(due):
                self._stopped.add(site)
            else:
                gained += self._remember(due.phase, due.hosts)
            status = PhaseStatus.FAILED if error else PhaseStatus.DONE
            self._news.append(outcome_of(due, status, error=error))
        return frozenset(gained)

    def _perform(self, due: DueAction) -> MailprovError | None:
        """Run an action on the first of its hosts; return what went wrong."""
        action = due.phase

        def work(run: Run, host: Host, transport: Transport) -> None:
            run.progress.tell(host.ref, f"doing {action.id}")
            ended = transport.run(
                action.program,
                *action.arguments,
                stdin=action.stdin,
                timeout=ACTION_SECONDS,
                doing=f"doing {action.id}",
            )
            if ended.status != 0:
                raise MailprovError(
                    Diagnostic(
                        summary=f"an action of the site failed: {action.text}",
                        where=f"{host.key} ({action.id})",
                        got=stderr_of(ended),
                        want="exit status 0",
                        fix="remove the cause shown above, then apply again",
                    )
                )

        told = self.runs.gather(work, self._hosts(due.hosts[:1]))
        return next(iter(told.errors.values()), None)

    def _ask(self, gates: Sequence[DueGate]) -> frozenset[HostRef]:
        """Ask gates and return the hosts of those that passed; the others are closed now."""
        gained: list[HostRef] = []
        for run in self.runs.runs:
            its = [gate for gate in gates if gate.hosts[0].site == run.site.domain]
            answers = self._answers(run, its) if its else ()
            for gate, findings in zip(its, answers, strict=True):
                if is_open(findings):
                    gained += self._remember(gate.phase, gate.hosts)
                    self._news.append(outcome_of(gate, PhaseStatus.PASSED))
                else:
                    now = self.patience.now()
                    self._closed[gate.identity] = closed_outcome(gate, findings, now)
        return frozenset(gained)

    def _answers(self, run: Run, gates: Sequence[DueGate]) -> Iterator[list[Finding]]:
        hosts = {ref for gate in gates for ref in gate.hosts}
        for host in hosts:
            run.progress.tell(host, "asking at a gate")
        asker = self.open_asker(
            hosts=run.site.hosts,
            transports=self._transports(hosts),
            account=None,
            fingerprints={},
        )
        answered = iter(asker.ask([one for gate in gates for one in gate.phase.questions]))
        for gate in gates:
            its = [next(answered) for _ in gate.phase.questions]
            yield [finding for one in its for finding in judge(one)]

    def _transports(self, refs: Collection[HostRef]) -> Mapping[str, Transport]:
        def way(run: Run, host: Host, transport: Transport) -> Transport:
            # Who has waited finds connections that may have ended meanwhile.
            return run.fleet.reopen(host) if self._attempts else transport

        told = self.runs.gather(way, self._hosts(refs))
        return {str(ref.host): transport for ref, transport in told.values.items()}

    def _remember(self, phase: SitePhase, hosts: Sequence[HostRef]) -> Sequence[HostRef]:
        for ref in hosts:
            self.runs.of(ref).compiler.passes(ref, phase.key)
        return hosts

    def _wait(self, gates: Sequence[DueGate]) -> bool:
        """Wait until closed gates are to be asked again; False where patience has ended."""
        now, longest = self.patience.now(), self.patience.longest
        if self._deadline is None and longest is not None:
            self._deadline = now + longest
        if self._deadline is not None and now >= self._deadline:
            return False
        pause = pause_before(self._attempts, gates)
        if self._deadline is not None:
            pause = min(pause, (self._deadline - now).total_seconds())
        until = now + timedelta(seconds=pause)
        for gate in gates:
            for ref in gate.hosts:
                told = f"waiting for {gate.phase.id}, asked again at {until:%H:%M:%S} UTC"
                self.runs.progress.tell(ref, told)
        self.patience.sleep(pause)
        self._attempts += 1
        for gate in gates:
            del self._closed[gate.identity]
        return True

    def _hosts(self, refs: Collection[HostRef]) -> list[Host]:
        return [host for host in self.runs.hosts if host.ref in refs]

    @contextmanager
    def _interruptible(self, due: Sequence[DueAction | DueGate]) -> Iterator[None]:
        """Turn Ctrl-C into MailprovError (interrupted) where something is due."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            if not due:
                raise
            raise MailprovError(map(self._left_there, due), ExitCode.INTERRUPTED) from interrupt

    def _left_there(self, due: DueAction | DueGate) -> Diagnostic:
        where = f"{self.runs.name(due.hosts[0])} ({due.phase.id})"
        if isinstance(due, DueAction):
            fix = "run apply again: it does the action once more, in case it was not done"
            return Diagnostic("interrupted during an action of the site", where, fix=fix)
        fix = "run apply again to continue; the hosts keep the progress of the run"
        return Diagnostic("interrupted while a gate was closed", where, fix=fix)
