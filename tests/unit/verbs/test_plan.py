"""The order of a survey over several sites: look at all, refuse, and only then settle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.refs import ref

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.facts.host import Facts, Introduction, Pending
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.plan.manifest import Also
from provisioner.site.load import parse_site
from provisioner.verbs import plan
from provisioner.verbs.machines import Machines
from provisioner.verbs.plan import DriftDecision, plan_sites
from provisioner.verbs.run import Run
from provisioner.verbs.runs import Runs

FILE = """\
domain: {0}
hosts: {{mail: {{address: 192.0.2.10}}}}
users: {{alice: {{password: {{env: X}}}}}}
"""
ONE, TWO = ref("mail", "one.example"), ref("mail", "two.example")
PENDING = Pending("7", "abc", "root@elsewhere", armed=False)
DOWN = MailprovError(Diagnostic("it is down"), ExitCode.UNREACHABLE)


class Quiet:
    def tell(self, host: object, text: str) -> None: ...


@dataclass
class Answer:
    host: Host
    value: Any = None
    error: MailprovError | None = None


class InTurn:
    """A fleet that has one host work after another."""

    def each(self, hosts: Sequence[Host], work: Callable[[Host, Any], Any]) -> Iterator[Answer]:
        for host in hosts:
            try:
                yield Answer(host, work(host, None))
            except MailprovError as error:
                yield Answer(host, error=error)


@dataclass(frozen=True)
class Told(Run):
    """A run whose hosts say which machine they are, and that something is pending there."""

    machine_of: dict[HostRef, str] = field(default_factory=dict)

    def observe(self, host: Host, transport: Any, also: Also = Also.NOTHING) -> tuple[Any, Facts]:  # noqa: ANN401, ARG002 as Run's
        self.machines.note(host.ref, self.machine_of[host.ref])
        if not self.machine_of[host.ref]:
            raise DOWN
        return None, Facts(Introduction({}, pending=PENDING))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> list[HostRef]:
    """Return the hosts that were told to settle; each says that it cannot, to end there."""
    hosts: list[HostRef] = []

    def remember(_run: Run, host: Host, *_: object) -> None:
        hosts.append(host.ref)
        raise MailprovError(Diagnostic("it cannot be settled", str(host.ref)))

    monkeypatch.setattr(plan, "settle_pending", remember)
    return hosts


def runs(one: str, two: str) -> Runs:
    machines, nothing, fleet = Machines(), None, InTurn()
    sites = [parse_site(FILE.format(each.site).encode(), "site.yaml").site for each in (ONE, TWO)]
    rest: Any = (nothing, Quiet(), "owner", None, machines, {ONE: one, TWO: two})
    return Runs(tuple(Told(site, site.hosts, fleet, {}, *rest) for site in sites), several=True)  # type: ignore[arg-type]


def test_nothing_is_settled_where_a_machine_belongs_to_two_sites(settled: list[HostRef]) -> None:
    with pytest.raises(MailprovError, match="one machine belongs to two sites") as caught:
        plan_sites(runs("boot 1", "boot 1"), settle=True)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert settled == []


def test_hosts_settle_what_is_pending_once_all_have_been_looked_at(
    settled: list[HostRef],
) -> None:
    survey = plan_sites(runs("boot 1", "boot 2"), DriftDecision.REFUSE, settle=True)
    assert settled == [ONE, TWO]
    assert list(survey.errors) == [ONE, TWO]


def test_each_site_has_its_own_part_of_what_was_found(settled: list[HostRef]) -> None:
    survey = plan_sites(runs("", "boot 2"), settle=True)
    assert settled == [TWO]
    assert survey.of(ONE.site).errors == {ONE: DOWN}
    assert list(survey.of(TWO.site).errors) == [TWO]
