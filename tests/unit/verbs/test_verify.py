"""What `verify` asks of hosts and services, in which order, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import pytest
from support.refs import ref
from support.scripted_host import Connection, Program, ScriptedFleet, Step, unreachable
from support.told_facts import before, standing, told, two_hosts

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.facts.host import CheckRun, Facts
from provisioner.model.names import HostRef
from provisioner.model.site import Site
from provisioner.probes.finding import Finding, Status
from provisioner.probes.store import StoreState
from provisioner.verbs.machines import Machines
from provisioner.verbs.runs import Runs
from provisioner.verbs.verify import VerifyReport, verify_sites

OPEN = """
allow_insecure: {open-resolver: a museum}
networks: {resolver: [0.0.0.0/0]}
"""
SITE = two_hosts(more=OPEN)
MAIL, NS = ref("mail"), ref("ns")
MAIN = "/etc/postfix/main.cf"
OUT = Program("way_out", ["@settings", "@end"])
CHECKS = {
    "mail": ("doveconf -n", "postfix check", "postconf -n", "postconf -M", "postmap -q",
             "postconf -x", "openssl pkey"),
    "ns": ("unbound-checkconf",),
}  # fmt: skip


def checked(key: str, site: Site = SITE, **objections: str) -> Facts:
    """Return the facts of a host that stands, with what its checkers said."""
    runs = tuple(
        CheckRun(tool, int(tool in objections), objections.get(tool, "")) for tool in CHECKS[key]
    )
    return replace(standing(site, key), checks=runs)


def steps(facts: Facts, key: str) -> list[Step]:
    """Return what a host is asked that is up."""
    return [Program("observe", told(facts)), *([OUT] if key == "mail" else [])]


def script(mail: Facts | None = None, ns: Facts | None = None) -> dict[HostRef, list[Step]]:
    return {
        MAIL: steps(mail or checked("mail"), "mail"),
        NS: steps(ns or checked("ns"), "ns"),
    }


def verify(
    fleet: ScriptedFleet,
    *,
    failing: Callable[[str], str | None] = lambda _: None,
    kept: Mapping[HostRef, Collection[str]] | None = None,
    passed: Mapping[HostRef, Collection[str]] | None = None,
) -> VerifyReport:
    runs = Runs.over(fleet.run_over(SITE))
    return verify_sites(runs, fleet.asker(failing), kept, passed)[SITE.domain]


def findings(report: VerifyReport, theme: str) -> dict[str, Finding]:
    return {one.id: one for one in report.verdict.findings if one.id.startswith(theme)}


def test_hosts_are_observed_first_and_then_the_whole_site_is_asked_once() -> None:
    with ScriptedFleet(script()) as fleet:
        report = verify(fleet)
    assert fleet.order == [
        "mail: observe", "mail: way_out", "ns: observe", "mail: asked", "ns: asked",
    ]  # fmt: skip
    assert not report.errors
    assert not report.verdict.with_status(Status.FAILED)
    assert report.verdict.passed
    assert [text for host, text in fleet.told if host == MAIL] == [
        "observing",
        "probing",
        "verified",
    ]


@pytest.mark.parametrize(("secret", "status"), [("x" * 16, Status.PASSED), (None, Status.FAILED)])
def test_the_account_that_proves_logins_is_a_finding_of_its_host(
    secret: str | None, status: Status
) -> None:
    with ScriptedFleet(script(replace(checked("mail"), probe_secret=secret))) as fleet:
        report = verify(fleet)
    (found,) = findings(report, "account.").values()
    assert (found.host, found.status, bool(found.question)) == ("mail", status, True)
    assert bool(found.remedy) is (status is Status.FAILED)


def test_each_checker_of_each_host_is_a_finding() -> None:
    with ScriptedFleet(script()) as fleet:
        report = verify(fleet)
    wanted = [f"check.{'-'.join(tool.split())}@{key}" for key in CHECKS for tool in CHECKS[key]]
    assert sorted(findings(report, "check.")) == sorted(wanted)
    assert b"check\tunbound\n" in fleet.call("ns: observe").stdin


def test_a_checker_that_objects_or_did_not_run_fails() -> None:
    mail = checked("mail", **{"postconf -n": "an odd line"})
    mail = replace(mail, checks=tuple(one for one in mail.checks if one.tool != "doveconf -n"))
    with ScriptedFleet(script(mail)) as fleet:
        report = verify(fleet)
    bad = {one.id: one.got for one in report.verdict.with_status(Status.FAILED)}
    assert set(bad) == {"check.postconf--n@mail", "check.doveconf--n@mail"}
    assert "an odd line" in bad["check.postconf--n@mail"]
    assert "the check did not run" in bad["check.doveconf--n@mail"]


def test_a_checker_that_has_just_passed_these_files_is_not_asked_again() -> None:
    passed = {MAIL: ("dovecot",), NS: ()}
    bare = {key: replace(checked(key), checks=()) for key in ("mail", "ns")}
    with ScriptedFleet(script(**bare)) as fleet:
        report = verify(fleet, passed=passed)
    assert b"check\t" not in fleet.call("mail: observe").stdin
    assert {one.id: one.status for one in findings(report, "check.").values()} == {
        "check.doveconf--n@mail": Status.PASSED
    }


def test_of_a_host_that_no_apply_has_just_changed_all_checkers_are_asked() -> None:
    with ScriptedFleet(script(replace(checked("mail"), checks=()))) as fleet:
        report = verify(fleet, passed={MAIL: ("dovecot",)})
    assert b"check\t" not in fleet.call("mail: observe").stdin
    assert b"check\t" in fleet.call("ns: observe").stdin
    assert findings(report, "check.unbound")


@pytest.mark.parametrize(("kept", "status"), [((), Status.FAILED), ((MAIN,), Status.WARNING)])
def test_an_edited_file_fails_unless_somebody_decided_to_keep_it(
    kept: tuple[str, ...], status: Status
) -> None:
    with ScriptedFleet(script(before(checked("mail"), MAIN, edited=True))) as fleet:
        report = verify(fleet, kept={MAIL: kept})
    found = findings(report, "file.")[f"file.{MAIN}@mail"]
    assert found.status is status
    assert ("--keep-drift" in found.remedy) is bool(kept)
    # What is as it should be needs no remedy.
    others = [one for one in findings(report, "file.").values() if one is not found]
    assert others
    assert {(one.status, one.remedy) for one in others} == {(Status.PASSED, "")}


def test_a_kept_file_that_is_as_written_is_no_warning() -> None:
    with ScriptedFleet(script()) as fleet:
        report = verify(fleet, kept={MAIL: (MAIN,)})
    assert findings(report, "file.")[f"file.{MAIN}@mail"].status is Status.PASSED


def test_a_service_that_answers_wrong_is_a_failure_of_the_verdict() -> None:
    def failing(question: str) -> str | None:
        return "it is silent" if question.startswith("mail.") else None

    with ScriptedFleet(script()) as fleet:
        report = verify(fleet, failing=failing)
    assert not report.verdict.passed
    assert findings(report, "mail.")
    assert {one.id.partition(".")[0] for one in report.verdict.with_status(Status.FAILED)} == {
        "mail"
    }


def test_a_host_out_of_reach_is_reported_and_the_others_are_verified_all_the_same() -> None:
    with ScriptedFleet({**script(), MAIL: [Connection(unreachable())]}) as fleet:
        report = verify(fleet)
    assert list(report.errors) == [MAIL]
    assert report.errors[MAIL].exit_code is ExitCode.UNREACHABLE
    assert fleet.order[-2:] == ["ns: observe", "ns: asked"]
    assert not [
        one for one in report.verdict.findings if one.id.startswith("unit.") and one.host == "mail"
    ]
    assert (MAIL, "unreachable") in fleet.told
    assert (NS, "verified") in fleet.told


def test_nobody_is_asked_where_no_host_is_reached() -> None:
    gone: list[Step] = [Connection(unreachable())]
    with ScriptedFleet({MAIL: gone, NS: gone}) as fleet:
        report = verify(fleet)
    assert list(report.errors) == [MAIL, NS]
    assert not report.verdict.passed
    assert "ns: asked" not in fleet.order


def test_a_way_out_that_cannot_be_tested_is_no_reason_to_doubt_the_rest() -> None:
    broken = Program("way_out", ["@settings"], status=2, stderr="no program")
    steps_of_mail = [Program("observe", told(checked("mail"))), broken]
    with ScriptedFleet({**script(), MAIL: steps_of_mail}) as fleet:
        report = verify(fleet)
    assert not report.errors
    (found,) = (one for one in report.verdict.findings if "ended early" in one.got)
    assert (found.status, found.host) == (Status.SKIPPED, "mail")
    assert found.got.endswith("while testing outgoing mail")


def test_a_host_is_judged_by_what_the_site_says_of_its_mail() -> None:
    tried = StoreState({"/srv/vmail/example.org": "No space left"}, finished=True)
    with ScriptedFleet(script(replace(checked("mail"), store=tried))) as fleet:
        report = verify(fleet)
    assert findings(report, "store@")["store@mail"].status is Status.FAILED


def test_what_the_site_allows_and_what_cannot_be_proven_are_told() -> None:
    with ScriptedFleet(script()) as fleet:
        report = verify(fleet)
    assert (
        findings(report, "allowed.open-resolver")["allowed.open-resolver"].status is Status.WARNING
    )
    assert findings(report, "smtp.colleagues")


def test_hosts_that_were_left_out_are_neither_asked_nor_judged() -> None:
    with ScriptedFleet({NS: steps(checked("ns"), "ns")}) as fleet:
        runs = Runs.over(fleet.run_over(SITE, [SITE.host("ns")]))
        report = verify_sites(runs, fleet.asker())[SITE.domain]
    assert {one.host for one in report.verdict.findings} == {"", "ns"}


def test_each_site_has_a_report_of_its_own_hosts() -> None:
    sites = [two_hosts("one.example"), two_hosts("two.example")]
    scripts: dict[HostRef, list[Step]] = {
        ref(key, site.domain): steps(checked(key, site), key) for site in sites for key in CHECKS
    }
    scripts[ref("ns", "two.example")] = [Connection(unreachable())]
    machines = Machines()
    with ScriptedFleet(scripts) as fleet:
        runs = Runs(tuple(fleet.run_over(site, machines=machines) for site in sites), several=True)
        one, two = verify_sites(runs, fleet.asker()).values()
    assert not one.errors
    assert list(two.errors) == [ref("ns", "two.example")]
    assert fleet.order.index("ns: observe") < fleet.order.index("mail: asked")


def test_a_machine_that_is_two_hosts_is_refused_before_anything_is_asked() -> None:
    ns = checked("ns")
    machine = standing(SITE, "mail").introduction.machine
    twin = replace(ns, introduction=replace(ns.introduction, machine=machine))
    with ScriptedFleet(script(ns=twin)) as fleet, pytest.raises(MailprovError) as refusal:
        verify(fleet)
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert "mail: asked" not in fleet.order
