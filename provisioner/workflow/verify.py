"""`verify`: what the hosts say of themselves, and what they prove from outside.

Each host is observed once, with its daemons' own checkers; then the questions of the
whole site are put to the live services, with an account that exists for this alone
and whose secret only the hosts' root can read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostKey
from provisioner.model.prober import probe_address, probe_login
from provisioner.model.site import Host, Role, Site
from provisioner.plan.comparison import compare_paths
from provisioner.plan.facts import CheckRun, Facts, UnitState
from provisioner.plan.generation import Generation
from provisioner.platforms.record import Daemon
from provisioner.probes.catalogue import ProbeTargets, allowance_findings, questions_for
from provisioner.probes.finding import Finding, Status, Verdict
from provisioner.probes.hosts import judge_check, judge_file, judge_unit
from provisioner.probes.question import judge
from provisioner.probes.sockets import judge_sockets, parse_sockets
from provisioner.workflow.asking import OpenAsker, ProbeAccount
from provisioner.workflow.ports import Transport
from provisioner.workflow.run import Run

# The checkers that provisioner/ssh/remote/checks.sh runs of each daemon.
CHECKS: Mapping[Daemon, tuple[str, ...]] = {
    "unbound": ("unbound-checkconf",),
    "dovecot": ("doveconf -n",),
    "postfix": ("postfix check", "postconf -n", "postconf -M", "postmap -q"),
}


@dataclass(frozen=True)
class VerifyReport:
    """The verdict, and the hosts that could not be asked."""

    verdict: Verdict
    errors: Mapping[HostKey, MailprovError]


@dataclass(frozen=True)
class _Observed:
    generation: Generation
    facts: Facts
    transport: Transport


def verify_site(
    run: Run, open_asker: OpenAsker, kept: Mapping[HostKey, Collection[str]] | None = None
) -> VerifyReport:
    """Verify the run's hosts. Raises nothing for a host: its error is in the report.

    open_asker: makes the asker that has sockets, once the hosts have been observed. kept:
    files that somebody decided to leave as they are on the host; they get a warning.
    """

    def work(host: Host, transport: Transport) -> _Observed:
        generation, facts = run.observe(host, transport, service=True)
        run.progress.tell(host.key, "probing")
        return _Observed(generation, facts, transport)

    answers = {answer.host.key: answer for answer in run.fleet.each(run.hosts, work)}
    observed = {key: answer.value for key, answer in answers.items() if answer.value is not None}
    findings: list[Finding] = [*allowance_findings(run.site)]
    for host in run.hosts:
        if host.key in observed:
            found = _host_findings(run.site, host, observed[host.key])
            spared = {f"file.{path}@{host.key}" for path in (kept or {}).get(host.key, ())}
            findings += [_only_warned(each) if each.id in spared else each for each in found]
    findings += _asked(run, observed, open_asker)
    errors = {key: answer.error for key, answer in answers.items() if answer.error is not None}
    for host in run.hosts:
        run.progress.tell(host.key, "not reached" if host.key in errors else "verified")
    return VerifyReport(Verdict(tuple(findings)), errors)


def _asked(
    run: Run, observed: Mapping[HostKey, _Observed], open_asker: OpenAsker
) -> Iterator[Finding]:
    if not observed:
        return
    fingerprints = {
        str(key): view.facts.fingerprint for key, view in observed.items() if view.facts.fingerprint
    }
    account = _probe_account(run.site, observed)
    asker = open_asker(
        hosts=run.site.hosts,
        transports={str(key): view.transport for key, view in observed.items()},
        account=account,
        fingerprints=fingerprints,
    )
    targets = ProbeTargets(account=probe_address(run.site), fingerprints=fingerprints)
    for answered in asker.ask(questions_for(run.site, targets, hosts=frozenset(observed))):
        yield from judge(answered)
    for host in run.site.hosts_with(Role.STORE):
        if host.key in observed:
            yield _account_finding(host, account)


def _probe_account(site: Site, observed: Mapping[HostKey, _Observed]) -> ProbeAccount | None:
    for host in site.hosts_with(Role.STORE):
        view = observed.get(host.key)
        if view and view.facts.probe_secret:
            secret = view.facts.probe_secret
            return ProbeAccount(probe_login(site), probe_address(site), secret)
    return None


def _account_finding(host: Host, account: ProbeAccount | None) -> Finding:
    """Without its account the prober proves nothing about logins and mailboxes."""
    return Finding(
        id=f"account.probe@{host.key}",
        host=host.key,
        question="Does the host hold the account that verify uses?",
        status=Status.PASSED if account else Status.FAILED,
        got="its secret is there" if account else "no secret",
        want="/var/lib/mailprov/probe-secret, made by apply",
        remedy="" if account else "apply the site; it makes the account anew",
    )


def _host_findings(site: Site, host: Host, view: _Observed) -> Iterator[Finding]:
    generation, facts = view.generation, view.facts
    ran = {check.tool: check for check in facts.checks}
    for tool in _expected_checks(generation):
        check = ran.get(tool, CheckRun(tool, 70, "it did not run"))
        yield judge_check(host.key, check.tool, check.exit_status, check.output)
    for path, problems in compare_paths(generation, facts):
        yield judge_file(host.key, path, problems)
    for unit in generation.units:
        enable = facts.units.get(unit.name, _unknown(unit.name))
        running = facts.units.get(unit.running, _unknown(unit.running))
        yield judge_unit(host.key, enable, running)
    yield from judge_sockets(site, host, parse_sockets(facts.sockets))


def _only_warned(finding: Finding) -> Finding:
    if finding.status is not Status.FAILED:
        return finding
    remedy = "it was left alone as you said (--keep-drift); take the edit over into the site file"
    return replace(finding, status=Status.WARNING, remedy=remedy)


def _expected_checks(generation: Generation) -> Iterator[str]:
    for unit in generation.units:
        yield from CHECKS[unit.daemon]
    if generation.certificate_path:
        yield "openssl pkey"


def _unknown(name: str) -> UnitState:
    return UnitState(name, "not-found", "inactive", "dead", "", 0, "")
