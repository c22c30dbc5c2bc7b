"""What `apply` does in which order, and what it leaves alone, as hosts see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from support.refs import ref
from support.scripted_host import (
    OWNER,
    Connection,
    Program,
    ScriptedFleet,
    Step,
)
from support.told_facts import before, standing, told, two_hosts

from provisioner.facts.host import Facts
from provisioner.verbs.apply import ApplyOptions, HostOutcome, HostStatus, apply_sites
from provisioner.verbs.runs import Runs

SITE = two_hosts()
MAIL, NS = ref("mail"), ref("ns")
MAIN = "/etc/postfix/main.cf"
UNBOUND = "/etc/unbound/unbound.conf"
PENDING = ["@step check", "@step begin x", "@pending 3-abc", "@finished"]


def observed(facts: Facts) -> Program:
    return Program("observe", told(facts))


def same(key: str) -> Program:
    """Return the answer of a host that needs no change."""
    return observed(standing(SITE, key))


def changed(key: str) -> Facts:
    """Return the facts of a host whose configuration is that of an earlier apply."""
    return before(standing(SITE, key), MAIN if key == "mail" else UNBOUND)


def transacted(lines: Sequence[str] = PENDING, status: int = 0) -> Program:
    return Program("transact", lines, status, arguments=(OWNER, "60"))


def settled(how: str, *arguments: str, lines: Sequence[str] = ("@finished",)) -> Program:
    return Program("settle", lines, arguments=(how, "3-abc", *arguments))


def proven(key: str) -> list[Step]:
    """Return what a host is asked that is changed and proves itself."""
    return [transacted(), Connection(), same(key), settled("confirm")]


def apply(
    fleet: ScriptedFleet,
    options: ApplyOptions | None = None,
    failing: Callable[[str], str | None] = lambda _: None,
) -> dict[str, HostOutcome]:
    runs = Runs.over(fleet.run_over(SITE))
    outcomes = apply_sites(runs, fleet.asker(failing), options or ApplyOptions())
    return {str(one.host.host): one for one in outcomes}


def statuses(outcomes: dict[str, HostOutcome]) -> dict[str, HostStatus]:
    return {key: one.status for key, one in outcomes.items()}


def test_all_are_observed_then_the_resolver_is_proven_and_then_the_rest() -> None:
    script = {key: [observed(changed(key.host)), *proven(key.host)] for key in (MAIL, NS)}
    with ScriptedFleet(script) as fleet:
        outcomes = apply(fleet)
    assert fleet.order == [
        "mail: observe", "ns: observe",
        "ns: transact", "ns: connect", "ns: observe", "ns: asked", "ns: confirm",
        "mail: transact", "mail: connect", "mail: observe", "mail: asked", "mail: confirm",
    ]  # fmt: skip
    assert statuses(outcomes) == {"mail": HostStatus.CHANGED, "ns": HostStatus.CHANGED}
    assert MAIN in {change.name for change in outcomes["mail"].changes}


def test_nothing_to_do_ends_with_the_observation() -> None:
    with ScriptedFleet({MAIL: [same("mail")], NS: [same("ns")]}) as fleet:
        outcomes = apply(fleet)
    assert statuses(outcomes) == {"mail": HostStatus.UNCHANGED, "ns": HostStatus.UNCHANGED}
    assert not any(one.changes or one.error for one in outcomes.values())
