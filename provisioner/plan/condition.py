"""How a host is right now, judged from its generation and facts: what `status` shows.

What somebody here has to do something about is named in `Condition.problems`, and those
alone decide the exit code. Waiting mail is no problem at first: the receiver may be down for
a moment. Mail that has waited for long is one, whoever is to blame: its senders wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from provisioner.diagnostics import printable
from provisioner.facts.certificate import HostCertificate
from provisioner.facts.host import Facts
from provisioner.facts.queue import Queue
from provisioner.facts.status_facts import DiskSpace
from provisioner.model.names import HostKey
from provisioner.plan.diff import diff_generation
from provisioner.plan.drift import find_drift
from provisioner.plan.generation import Generation
from provisioner.plan.unix_sockets import unix_sockets_of
from provisioner.probes.finding import Status
from provisioner.probes.hosts import judge_unit
from provisioner.probes.unix_sockets import judge_unix_socket
from provisioner.resources.change import Drift
from provisioner.resources.unit import Unit, UnitState
from provisioner.rooms.phase import Gate, SitePhase
from provisioner.rooms.registry import room

FEWEST_DAYS = 14
"""With fewer days left a certificate is a problem, as `tls.files` warns of."""
_LONGEST_REASON = 200


@dataclass(frozen=True)
class UnitCondition:
    """A service. state: systemd's words. since: when it came up. restarts: made by systemd.

    problem: why it is not as it should be, empty if it is.
    """

    name: str
    state: str
    since: datetime | None
    restarts: int
    problem: str = ""


@dataclass(frozen=True)
class Condition:
    """One host.

    recorded: the generation of its last apply, None before the first. wanted: the one that
    the site file asks for now. drift: files that somebody edited on the host. due: how many
    changes the site file asks for besides. unconfirmed: who applied what waits to be
    confirmed, empty if nothing does. now: by the host's clock. has_certificate, has_queue: whether
    the host's roles bring one; `certificate` and `queue` are None where it cannot be read.
    queue_warning: the age from which on waiting mail is a problem. unix_sockets: what is wrong
    with those between daemons. gates: those that are waited for, which is no problem: the world
    needs its time.
    """

    host: HostKey
    recorded: str | None
    wanted: str
    now: datetime
    applied: datetime | None
    units: tuple[UnitCondition, ...]
    drift: tuple[Drift, ...]
    due: int
    unconfirmed: str
    has_certificate: bool
    certificate: HostCertificate | None
    has_queue: bool
    queue: Queue | None
    queue_warning: timedelta
    disk: DiskSpace | None
    unix_sockets: tuple[str, ...] = ()
    gates: tuple[SitePhase, ...] = ()

    @property
    def days_left(self) -> int | None:
        """Whole days until the certificate ends, below zero after that."""
        return (self.certificate.ends - self.now).days if self.certificate else None

    @property
    def problems(self) -> tuple[str, ...]:
        """What makes `status` fail, each in a few words."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[str]:
        if self.recorded is None:
            yield "never applied"
            return  # all else follows from it
        if self.unconfirmed:
            yield "the last apply is not confirmed"
        for unit in self.units:
            if unit.problem:
                yield unit.problem
        yield from self.unix_sockets
        if count := len(self.drift):
            yield f"{count} file{'' if count == 1 else 's'} edited on the host"
        if self.due:
            yield f"{self.due} change{'' if self.due == 1 else 's'} in the site file to apply"
        if self.has_certificate and self.days_left is None:
            yield "mailprov cannot read the certificate"
        elif self.days_left is not None and self.days_left < FEWEST_DAYS:
            ended = self.days_left < 0
            yield (
                "the certificate has expired"
                if ended
                else f"the certificate expires in {self.days_left} days"
            )
        if self.queue and self.queue.oldest:
            yield from _waiting_too_long(self.queue, self.now, self.queue_warning)


def _waiting_too_long(queue: Queue, now: datetime, limit: timedelta) -> Iterator[str]:
    oldest = queue.oldest[0]
    arrived = datetime.fromtimestamp(oldest.arrived, UTC)
    if now - arrived >= limit:
        # Another server's words: nobody's terminal is theirs.
        reason = printable(oldest.reasons[0], _LONGEST_REASON)
        since = f"{arrived:%Y-%m-%d %H:%M} UTC"
        yield f"mail: {queue.total} waiting, oldest since {since}, because {reason}"


def judge_condition(generation: Generation, facts: Facts, queue_warning: timedelta) -> Condition:
    """Return how a host is; the facts have to hold `status`, or ValueError is raised.

    queue_warning: the site's, for `Condition`. MailprovError as `diff_generation`.
    """
    status = facts.status
    if status is None:
        message = "its status was not observed"
        raise ValueError(message)
    plan = diff_generation(generation, facts, keep_drift=True)
    # A service that is down is told as such.
    due = [change for change in plan.transaction if change.kind not in {"unit", "record"}]
    pending = facts.introduction.pending
    return Condition(
        host=generation.host,
        recorded=facts.introduction.generation,
        wanted=plan.name,
        now=status.now,
        applied=status.applied,
        units=tuple(_unit_condition(unit, facts) for unit in generation.units),
        drift=tuple(find_drift(generation, facts).values()),
        due=len(due) + len(plan.missing_packages)
        or int(facts.introduction.generation != plan.name),
        unconfirmed=pending.owner if pending else "",
        has_certificate=generation.certificate_path is not None,
        certificate=facts.certificate,
        has_queue=any(room(unit.daemon).has_queue for unit in generation.units),
        queue=status.queue,
        queue_warning=queue_warning,
        disk=status.disk,
        unix_sockets=tuple(_socket_problems(generation, facts)),
        gates=tuple(row[0] for row in generation.ahead if isinstance(row[0], Gate)),
    )


def _socket_problems(generation: Generation, facts: Facts) -> Iterator[str]:
    # Of a daemon that does not run there is no socket, and that is told already.
    up = {
        unit.daemon
        for unit in generation.units
        if (state := facts.units.get(unit.running)) and state.active == "active"
    }
    for socket in unix_sockets_of(generation):
        finding = judge_unix_socket(generation.host, socket, facts.unix_sockets.get(socket.path))
        if socket.server in up and finding.status is Status.FAILED:
            yield f"{socket.path}: {finding.got}"


def _unit_condition(unit: Unit, facts: Facts) -> UnitCondition:
    running = facts.units.get(unit.running) or _unknown(unit.running)
    finding = judge_unit("", facts.units.get(unit.name) or _unknown(unit.name), running)
    up = (running.active, running.sub) == ("active", "running")
    return UnitCondition(
        name=unit.name,
        state=running.active if up else f"{running.active} ({running.sub})",
        since=facts.status.since.get(unit.running) if facts.status and up else None,
        restarts=running.restarts,
        problem=finding.got if finding.status is Status.FAILED else "",
    )


def _unknown(name: str) -> UnitState:
    return UnitState(name, "not-found", "inactive", "dead", "", 0, "")
