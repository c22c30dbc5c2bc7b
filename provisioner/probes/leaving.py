"""Whether mail can leave, judged from what a host found out.

What cannot be asked, in a network without a way out, is skipped with the reason and never
passes. The world's faults are no reason to take a configuration back: `apply` reports them as
warnings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from provisioner.model.site import Host, IPAddress, Role, Site
from provisioner.probes.finding import Finding, Status
from provisioner.probes.way_out import (
    LONGEST,
    RECEIVERS,
    Reached,
    WayOut,
    receivers_of,
    world_addresses,
)

LEAVES = "leave."
"""How the ids of these findings begin."""

_ASKED = "Can mail leave for other sites?"
_NAMED = "Do the host's name and its address agree in the DNS?"
_BACK = "Does the host's name lead back to its address?"
_PTR_REMEDY = "ask the provider of the address to have its PTR record say {}"
_VERIFIED = frozenset({"verify", "secure", "fingerprint", "dane-only"})
_NOT_FOUND = ("address lookup failed",)
_BLOCKED_REMEDY = (
    "ask the provider of this host to open port 25 outward, which many keep closed at first; or "
    "send through a smarthost: `relay: {host: …}`"
)
_REFUSED_REMEDY = (
    "do what the answer says; where it names a blocklist, look the host's address up there and "
    "have its PTR record set; then verify again"
)
_NO_ROUTE = "the host has no default route: this network has no way out"


def judge_way_out(site: Site, host: Host, found: WayOut) -> Iterator[Finding]:
    """Yield what follows for a host that sends mail."""
    if found.settings.get("finger") != "yes":
        missing = "posttls-finger(1), which Postfix's packages bring, is not on the host"
        yield _finding(host, "reach", _ASKED, Status.SKIPPED, missing)
    elif found.relayhost:
        yield from _judge_relay(host, found)
    else:
        yield _judge_receivers(site, host, found)
        yield from _judge_names(site, host, found)


def unknown_way_out(host: Host, reason: str) -> Finding:
    """Return the finding that a host could not be asked."""
    return _finding(host, "reach", _ASKED, Status.SKIPPED, reason)


def _judge_receivers(site: Site, host: Host, found: WayOut) -> Finding:
    """Judge port 25 outward: one receiver that answers shows that it is open."""
    if not found.routes:
        return _finding(host, "reach", _ASKED, Status.SKIPPED, _NO_ROUTE)
    greeted = [one for one in found.reached if one.greeting]
    if greeted:
        return _finding(host, "reach", _ASKED, Status.PASSED, greeted[0].greeting)
    found_by_name = [one for one in found.reached if not one.mentions(_NOT_FOUND)]
    if not found_by_name:
        words = "; ".join(one.complaint for one in found.reached) or "nobody was asked"
        reason = f"no server elsewhere is found by its name: {words}"
        return _finding(host, "reach", _ASKED, Status.SKIPPED, reason)
    # Nobody elsewhere sees a site of private addresses alone; it may never send there.
    expected = world_addresses(host) or receivers_of(site) != RECEIVERS
    refused = [one for one in found_by_name if one.mentions(("SMTP service not available",))]
    words = "; ".join(f"{one.destination}: {one.complaint}" for one in refused or found_by_name)
    return _finding(
        host,
        "reach",
        _ASKED,
        Status.FAILED if expected else Status.WARNING,
        words if refused else f"port 25 is blocked outward, or nobody is up: {words}",
        want="a greeting of one of these servers on port 25",
        remedy=_REFUSED_REMEDY if refused else _BLOCKED_REMEDY,
    )


def _judge_relay(host: Host, found: WayOut) -> Iterator[Finding]:
    relay = found.relayhost
    asked = f"Can mail leave through {relay}?"
    reached = found.reached[0] if found.reached else Reached(relay, ())
    if not reached.greeting:
        yield _finding(
            host,
            "reach",
            asked,
            Status.FAILED,
            reached.complaint,
            want=f"a greeting of {relay}",
            remedy="compare the name and the port with what the relay's operator says, and let "
            "the host reach it through your firewall; then verify again",
        )
        return
    yield _finding(host, "reach", asked, Status.PASSED, reached.greeting)
    if found.settings.get("smtp_tls_security_level") != "none":  # else the site allows it aloud
        yield _judge_relay_certificate(host, found, reached)
    if found.settings.get("smtp_sasl_auth_enable") == "yes":
        yield _judge_login(host, found)


def _judge_relay_certificate(host: Host, found: WayOut, reached: Reached) -> Finding:
    question = f"Does {found.relayhost} prove by its certificate who it is?"
    if reached.verified:
        return _finding(host, "certificate", question, Status.PASSED, "verified")
    level = found.settings.get("smtp_tls_security_level", "")
    if level not in _VERIFIED:
        return _finding(
            host,
            "unverified",
            question,
            Status.WARNING,
            f"Postfix does not ask (smtp_tls_security_level is {level or 'empty'})",
            want="a certificate that is verified before mail and password go there",
            remedy="write `relay: {host: …, tls: required}` instead of parameters under `postfix`",
        )
    words = [line for line in reached.lines if "verification failed" in line or "STARTTLS" in line]
    return _finding(
        host,
        "certificate",
        question,
        Status.FAILED,
        (words or [reached.complaint])[0][:LONGEST],
        want=f"a certificate for {found.relayhost}, from an authority that the host trusts",
        remedy="write the relay's name as its certificate has it; where its authority is your "
        "own, name that in `relay`; then apply again",
    )


def _judge_login(host: Host, found: WayOut) -> Finding:
    question = f"Does {found.relayhost} accept the site's login?"
    if found.settings.get("mechanisms") != "yes":
        return _finding(
            host,
            "login",
            question,
            Status.FAILED,
            "Postfix has no SASL mechanism to log in with: a package is not installed",
            want="the modules of Cyrus SASL for passwords",
            remedy="write `relay: {host: …, user: …, password: …}`, which brings the package",
        )
    if found.login is None:
        reason = "its certificate is not verified, so nobody showed it the password"
        return _finding(host, "login", question, Status.SKIPPED, reason)
    said = found.login.get("login", "")
    if said.startswith("235"):
        return _finding(host, "login", question, Status.PASSED, said)
    if "unoffered" in found.login:
        reason = "it offers neither PLAIN nor LOGIN, and no other way is tried"
        return _finding(host, "login", question, Status.SKIPPED, reason)
    if "none" in found.login:
        said = "Postfix has no password for this server"
    return _finding(
        host,
        "login",
        question,
        Status.FAILED,
        said[:LONGEST] or f"it hung up after the {found.login.get('broken', 'first word')}",
        want="235, the login is accepted",
        remedy="compare `relay.user` and its password with what the relay's operator gave you; "
        "then apply again",
    )


def _judge_names(site: Site, host: Host, found: WayOut) -> Iterator[Finding]:
    """Judge whether names and addresses agree, for each address that the world sees."""
    addresses = world_addresses(host)
    if not addresses:
        reason = "the host has private addresses only, and its `public_address` is not told"
        yield _finding(host, "name", _NAMED, Status.SKIPPED, reason)
        return
    # Where no name elsewhere is found, that none is found for the address says nothing.
    resolves = any(not one.mentions(_NOT_FOUND) for one in found.reached)
    for address in addresses:
        detail = f"name.{address}"
        if not found.routes or not resolves:
            reason = _NO_ROUTE if not found.routes else "the host's resolver finds no other site"
            yield _finding(host, detail, _NAMED, Status.SKIPPED, reason)
        else:
            yield from _judge_name(site, host, address, found.names.get(str(address), {}))


def _judge_name(
    site: Site, host: Host, address: IPAddress, names: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    detail, remedy = f"name.{address}", _PTR_REMEDY.format(host.fqdn)
    want = f"a PTR record of {address} that leads to {host.fqdn}, and from there back"
    if not names:
        got = f"{address} has no PTR record: many receivers refuse its mail"
        yield _finding(host, detail, _NAMED, Status.FAILED, got, want, remedy)
        return
    told, inside = ", ".join(names), host.fqdn in names and site.hosts_with(Role.DNS)
    back = {name for name, texts in names.items() if _holds(texts, address)}
    if inside:
        yield _finding(host, detail, _NAMED, Status.PASSED, f"{address} is {told}")
        reason = f"the site's own resolver answers for {host.fqdn}: the world's was not asked"
        yield _finding(host, f"back.{address}", _BACK, Status.SKIPPED, reason)
    elif host.fqdn in back:
        got = f"{address} is {told}, and back"
        yield _finding(host, detail, _NAMED, Status.PASSED, got)
    elif back:
        yield _finding(host, detail, _NAMED, Status.WARNING, f"{address} is {told}", want, remedy)
    else:
        got = f"{address} is {told}, and that is not {address}"
        yield _finding(host, detail, _NAMED, Status.FAILED, got, want, remedy)


def mail_cannot_leave(findings: Iterable[Finding]) -> str:
    """Return in a few words why mail cannot leave, empty if nothing is known to keep it."""
    decisive = tuple(f"{LEAVES}{name}@" for name in ("reach", "certificate", "login"))
    troubles = (Status.FAILED, Status.WARNING)
    return next(
        (one.got for one in findings if one.id.startswith(decisive) and one.status in troubles), ""
    )


def spare_the_world(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield the findings; what failed on the way out is a warning.

    A configuration is not to blame for a port that a provider keeps closed.
    """
    for one in findings:
        blamed = one.status is Status.FAILED and one.id.startswith(LEAVES)
        yield replace(one, status=Status.WARNING) if blamed else one


def _finding(  # noqa: PLR0913, PLR0917 a finding's own fields
    host: Host,
    detail: str,
    question: str,
    status: Status,
    got: str,
    want: str = "",
    remedy: str = "",
) -> Finding:
    return Finding(f"{LEAVES}{detail}@{host.key}", host.key, question, status, got, want, remedy)


def _holds(texts: Iterable[str], address: IPAddress) -> bool:
    return str(address) in {text.partition("%")[0].lower() for text in texts}
