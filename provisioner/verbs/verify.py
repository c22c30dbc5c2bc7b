"""`verify`: what the hosts say of themselves, and what they prove from outside.

Each host is observed once, with its daemons' own checkers; then the questions of the
whole site are put to the live services, with an account that exists for this alone
and whose secret only the hosts' root can read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from provisioner.diagnostics import MailprovError
from provisioner.facts.host import CheckRun
from provisioner.model.names import DomainName, HostRef
from provisioner.model.site import Host, Site
from provisioner.plan.comparison import compare_paths
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import CERTIFICATE, Look, checkers_of
from provisioner.probes.finding import Finding, Status, Verdict
from provisioner.probes.hosts import judge_check, judge_file
from provisioner.probes.site_findings import allowance_findings, unproven_findings
from provisioner.probes.sockets import judge_sockets, parse_sockets
from provisioner.probes.zones import sampling_findings
from provisioner.rooms.registry import room
from provisioner.verbs.asking import OpenAsker
from provisioner.verbs.ports import Transport
from provisioner.verbs.probing import Observed, ask_hosts, observe_service, own_findings
from provisioner.verbs.run import Gathered, Run, of_site
from provisioner.verbs.runs import Runs, side_by_side
from provisioner.verbs.way_out import ask_way_out


@dataclass(frozen=True)
class VerifyReport:
    """The verdict, and the hosts that could not be asked."""

    verdict: Verdict
    errors: Mapping[HostRef, MailprovError]


def verify_sites(
    runs: Runs,
    open_asker: OpenAsker,
    kept: Mapping[HostRef, Collection[str]] | None = None,
    checked: Mapping[HostRef, Collection[str]] | None = None,
) -> dict[DomainName, VerifyReport]:
    """Verify the runs' hosts, site by site. Raises nothing for a host: its error is reported.

    open_asker: makes the asker that has sockets, once the hosts have been observed. kept:
    files that somebody decided to leave as they are on the host; they get a warning. checked:
    by host, whose checkers have just passed these very files, before they went live: what
    concerns nobody else is not asked again. MailprovError (refused) where a machine is more
    than one of the hosts.
    """
    passed = checked or {}

    def work(run: Run, host: Host, transport: Transport) -> _Seen:
        checkers = Look(0) if host.ref in passed else Look.CHECKERS
        look = Look.COMPARED | Look.SERVICE | checkers
        observed = observe_service(run, host, transport, look)
        run.progress.tell(host.ref, "probing")
        return _Seen(observed, ask_way_out(run, host, transport))

    def report(run: Run) -> VerifyReport:
        return _report(run, open_asker, told, kept or {}, passed)

    told = runs.gather(work)
    runs.refuse_shared_machines()
    reports = side_by_side(runs.runs, report)
    return {run.site.domain: one for run, one in zip(runs.runs, reports, strict=True)}


@dataclass(frozen=True)
class _Seen:
    """A host as it was observed, and what it found on its way to other sites."""

    observed: Observed
    way_out: tuple[Finding, ...]


def _report(
    run: Run,
    open_asker: OpenAsker,
    told: Gathered[_Seen],
    kept: Mapping[HostRef, Collection[str]],
    checked: Mapping[HostRef, Collection[str]],
) -> VerifyReport:
    """Put a site's questions to its hosts, and return all that was found."""
    seen = of_site(told.values, run.site.domain)
    errors = of_site(told.errors, run.site.domain)
    findings: list[Finding] = [*allowance_findings(run.site), *sampling_findings(run.site)]
    for host in run.hosts:
        if host.ref in seen:
            view = seen[host.ref].observed
            found = _host_findings(run.site, host, view, checked.get(host.ref))
            spared = {f"file.{path}@{host.key}" for path in kept.get(host.ref, ())}
            findings += [_only_warned(each) if each.id in spared else each for each in found]
    findings += ask_hosts(run, {ref: one.observed for ref, one in seen.items()}, open_asker)
    findings += [finding for one in seen.values() for finding in one.way_out]
    asked = {host.key for host in run.hosts}
    findings += (gap for gap in unproven_findings(run.site) if gap.host in asked)
    for host in run.hosts:
        run.progress.tell(host.ref, "unreachable" if host.ref in errors else "verified")
    return VerifyReport(Verdict(tuple(findings)), errors)


def _host_findings(
    site: Site, host: Host, view: Observed, checked: Collection[str] | None
) -> Iterator[Finding]:
    generation, facts = view.generation, view.facts
    ran = {check.tool: check for check in facts.checks}
    missing = (0, "") if checked else (70, "the check did not run")
    for tool in _expected_checks(generation, checked):
        check = ran.get(tool, CheckRun(tool, *missing))
        yield judge_check(host.key, check.tool, check.exit_status, check.output)
    for path, problems in compare_paths(generation, facts):
        yield judge_file(host.key, path, problems)
    yield from own_findings(site, host, view)
    yield from judge_sockets(site, host, parse_sockets(facts.sockets))


def _only_warned(finding: Finding) -> Finding:
    if finding.status is not Status.FAILED:
        return finding
    remedy = "--keep-drift kept the edit: copy it to the site file"
    return replace(finding, status=Status.WARNING, remedy=remedy)


def _expected_checks(generation: Generation, checked: Collection[str] | None) -> Iterator[str]:
    """Yield the checkers' names: of those that have passed, or of all."""
    for name in checkers_of(generation):
        if checked is None or name in checked:
            yield from ("openssl pkey",) if name == CERTIFICATE else room(name).checks
