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
_NAMED = "Do the host's name and address agree in the DNS?"
_BACK = "Does the host's name resolve to its address?"
_PTR_REMEDY = "ask the provider of the address to set its PTR record to {}"
_VERIFIED = frozenset({"verify", "secure", "fingerprint", "dane-only"})
_NOT_FOUND = ("address lookup failed",)
_BLOCKED_REMEDY = (
    "ask the provider of this host to open outgoing port 25, which many block at "
    "first; or relay through a smarthost: `relay: {host: …}`"
)
_REFUSED_REMEDY = (
    "follow the server's reply; if it names a blocklist, look up the host's address "
    "there and set its PTR record; then verify again"
)
_NO_ROUTE = "the host has no default route"


def judge_way_out(site: Site, host: Host, found: WayOut) -> Iterator[Finding]:
    """Yield what follows for a host that sends mail."""
    if found.settings.get("finger") != "yes":
        missing = "posttls-finger(1) of Postfix's packages is missing on the host"
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
        words = "; ".join(one.complaint for one in found.reached) or "no server was tried"
        reason = f"the host resolves no other site's mail server: {words}"
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
        words if refused else f"outgoing port 25 is blocked, or no server is up: {words}",
        want="a greeting from one of these servers on port 25",
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
            want=f"a greeting from {relay}",
            remedy="compare the name and port with those from the relay's operator, and open "
            "your firewall for the host; then verify again",
        )
        return
    yield _finding(host, "reach", asked, Status.PASSED, reached.greeting)
    if found.settings.get("smtp_tls_security_level") != "none":  # else the site allows it aloud
        yield _judge_relay_certificate(host, found, reached)
    if found.settings.get("smtp_sasl_auth_enable") == "yes":
        yield _judge_login(host, found)


def _judge_relay_certificate(host: Host, found: WayOut, reached: Reached) -> Finding:
    question = f"Is the certificate of {found.relayhost} verified?"
    if reached.verified:
        return _finding(host, "certificate", question, Status.PASSED, "verified")
    level = found.settings.get("smtp_tls_security_level", "")
    if level not in _VERIFIED:
        return _finding(
            host,
            "unverified",
            question,
            Status.WARNING,
            f"Postfix does not verify it (smtp_tls_security_level is {level or 'empty'})",
            want="a verified certificate before Postfix sends mail and password",
            remedy="write `relay: {host: …, tls: required}` instead of parameters under `postfix`",
        )
    words = [line for line in reached.lines if "verification failed" in line or "STARTTLS" in line]
    return _finding(
        host,
        "certificate",
        question,
        Status.FAILED,
        (words or [reached.complaint])[0][:LONGEST],
        want=f"a certificate for {found.relayhost} from an authority that the host trusts",
        remedy="write the relay's name as in its certificate; if its authority is your own, "
        "name it in `relay`; then apply again",
    )


def _judge_login(host: Host, found: WayOut) -> Finding:
    question = f"Does {found.relayhost} accept the site's login?"
    if found.settings.get("mechanisms") != "yes":
        return _finding(
            host,
            "login",
            question,
            Status.FAILED,
            "Postfix has no SASL mechanism to log in with: a package is missing",
            want="the modules of Cyrus SASL for passwords",
            remedy="write `relay: {host: …, user: …, password: …}`, which installs the package",
        )
    if found.login is None:
        reason = "its certificate is not verified, so mailprov sent no password"
        return _finding(host, "login", question, Status.SKIPPED, reason)
    said = found.login.get("login", "")
    if said.startswith("235"):
        return _finding(host, "login", question, Status.PASSED, said)
    if "unoffered" in found.login:
        reason = "it offers neither PLAIN nor LOGIN, and mailprov tries no other mechanism"
        return _finding(host, "login", question, Status.SKIPPED, reason)
    if "none" in found.login:
        said = "Postfix has no password for this server"
    return _finding(
        host,
        "login",
        question,
        Status.FAILED,
        said[:LONGEST]
        or f"it closed the connection after the {found.login.get('broken', 'first word')}",
        want="235, login accepted",
        remedy="compare `relay.user` and its password with those from the relay's operator, "
        "then apply again",
    )


def _judge_names(site: Site, host: Host, found: WayOut) -> Iterator[Finding]:
    """Judge whether names and addresses agree, for each address that the world sees."""
    addresses = world_addresses(host)
    if not addresses:
        reason = "the host has private addresses only, and the site file gives no `public_address`"
        yield _finding(host, "name", _NAMED, Status.SKIPPED, reason)
        return
    # Where no name elsewhere is found, that none is found for the address says nothing.
    resolves = any(not one.mentions(_NOT_FOUND) for one in found.reached)
    for address in addresses:
        detail = f"name.{address}"
        if not found.routes or not resolves:
            reason = _NO_ROUTE if not found.routes else "the host's resolver resolves no other site"
            yield _finding(host, detail, _NAMED, Status.SKIPPED, reason)
        else:
            yield from _judge_name(site, host, address, found.names.get(str(address), {}))


def _judge_name(
    site: Site, host: Host, address: IPAddress, names: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    detail, remedy = f"name.{address}", _PTR_REMEDY.format(host.fqdn)
    want = f"a PTR record of {address} that names {host.fqdn}, and an address record back"
    if not names:
        got = f"{address} has no PTR record, so many receivers refuse its mail"
        yield _finding(host, detail, _NAMED, Status.FAILED, got, want, remedy)
        return
    told, inside = ", ".join(names), host.fqdn in names and site.hosts_with(Role.DNS)
    back = {name for name, texts in names.items() if _holds(texts, address)}
    if inside:
        yield _finding(host, detail, _NAMED, Status.PASSED, f"{address} resolves to {told}")
        reason = f"the site's own resolver answers for {host.fqdn}, so no public server was queried"
        yield _finding(host, f"back.{address}", _BACK, Status.SKIPPED, reason)
    elif host.fqdn in back:
        got = f"{address} resolves to {told}, and back"
        yield _finding(host, detail, _NAMED, Status.PASSED, got)
    elif back:
        yield _finding(
            host, detail, _NAMED, Status.WARNING, f"{address} resolves to {told}", want, remedy
        )
    else:
        got = f"{address} resolves to {told}, which does not resolve to {address}"
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
