"""Putting questions to the live services of hosts that were just observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.directory.inline import directory_of
from provisioner.facts.host import Facts
from provisioner.model.names import HostRef
from provisioner.model.prober import probe_address, probe_login
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Role, Site
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import Look, people_tried
from provisioner.plan.unix_sockets import unix_sockets_of
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.probes.finding import Finding, Status
from provisioner.probes.hosts import judge_unit
from provisioner.probes.question import Question, judge
from provisioner.probes.store import StoreState, judge_store
from provisioner.probes.unix_sockets import judge_unix_socket
from provisioner.render.nature import Nature
from provisioner.resources.unit import UnitState
from provisioner.rooms.registry import carrier_of, rooms_of
from provisioner.verbs.asking import OpenAsker, ProbeAccount
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run

Choose = Callable[[Question[Any]], Question[Any] | None]
"""What becomes of a question: asked as it is, asked otherwise, or not at all (None)."""


@dataclass(frozen=True)
class Observed:
    """A host as it should be and as it is, and the way to it."""

    generation: Generation
    facts: Facts
    transport: Transport


def observe_service(run: Run, host: Host, transport: Transport, look: Look) -> Observed:
    """Observe a host with what questions to its services need; MailprovError."""
    generation, facts = run.observe(host, transport, look)
    return Observed(generation, facts, transport)


def own_findings(site: Site, host: Host, view: Observed) -> Iterator[Finding]:
    """Yield what a host says of itself: services, the sockets between them, where mail lies."""
    yield from _unit_findings(host, view)
    for socket in unix_sockets_of(view.generation):
        yield judge_unix_socket(host.key, socket, view.facts.unix_sockets.get(socket.path))
    if view.facts.store is not None:
        yield _store_finding(site, host, view.generation, view.facts.store)


def _store_finding(site: Site, host: Host, generation: Generation, store: StoreState) -> Finding:
    people = people_tried(generation)
    if people:
        users = len(directory_of(site).users)
        more = f" ({len(people)} of {users} tried)" if users > len(people) else ""
        place = f"people's homes{more}"
        return judge_store(host.key, place, {home for _, home in people}, store)
    root = generation.mail_root or ""
    folders = {root, *(f"{root}/{domain.name}" for domain in site.domains)}
    return judge_store(host.key, root, folders, store)


def _unit_findings(host: Host, view: Observed) -> Iterator[Finding]:
    for unit in view.generation.units:
        enable = view.facts.units.get(unit.name, _unknown(unit.name))
        running = view.facts.units.get(unit.running, _unknown(unit.running))
        yield judge_unit(host.key, enable, running)


def ask_hosts(
    run: Run,
    observed: Mapping[HostRef, Observed],
    open_asker: OpenAsker,
    choose: Choose = lambda question: question,
) -> Iterator[Finding]:
    """Yield what the live services answer to the questions that are chosen, all by default."""
    if not observed:
        return
    fingerprints = {
        str(ref.host): view.facts.certificate.fingerprint
        for ref, view in observed.items()
        if view.facts.certificate
    }
    account = _probe_account(run.site, observed)
    asker = open_asker(
        hosts=run.site.hosts,
        transports={str(ref.host): view.transport for ref, view in observed.items()},
        account=account,
        fingerprints=fingerprints,
    )
    targets = ProbeTargets(probe_address(run.site), fingerprints, run.own_roots)
    questions = [
        *questions_for(run.site, targets, hosts=frozenset(ref.host for ref in observed)),
        *_own_questions(run.site, observed),
    ]
    chosen = [one for question in questions if (one := choose(question)) is not None]
    for answered in asker.ask(chosen):
        yield from judge(answered)
    for host in run.site.hosts_with(Role.STORE):
        if host.ref in observed:
            yield _account_finding(host, account)


def _own_questions(site: Site, observed: Mapping[HostRef, Observed]) -> Iterator[Question[Any]]:
    """Yield what the hosts' daemons are asked each by itself."""
    for host in site.hosts:
        view = observed.get(host.ref)
        if view is not None:
            passed = frozenset(view.generation.passed)
            nature = Nature(view.generation.platform, passed=passed)
            carrier = carrier_of(site, host, nature, SiteSecrets())
            for room in rooms_of(host):
                yield from room.behaviour.questions(carrier)


def _probe_account(site: Site, observed: Mapping[HostRef, Observed]) -> ProbeAccount | None:
    for host in site.hosts_with(Role.STORE):
        view = observed.get(host.ref)
        if view and view.facts.probe_secret:
            secret, token = view.facts.probe_secret, view.facts.probe_token
            return ProbeAccount(probe_login(site), probe_address(site), secret, token)
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
        remedy="" if account else "apply the site, which makes the account anew",
    )


def _unknown(name: str) -> UnitState:
    return UnitState(name, "not-found", "inactive", "dead", "", 0, "")
