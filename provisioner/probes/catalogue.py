"""Everything there is to ask of a site from outside, derived from the site alone.

A new probe is a question class in a module of its theme and a line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioner.directory.inline import directory_of
from provisioner.model.services import DNS_PORT, SMTP_PORT, Service, mail_services_of
from provisioner.model.site import Allowance, Host, IPAddress, Role, Site
from provisioner.probes.login import CleartextQuestion, LoginQuestion
from provisioner.probes.question import ANYWHERE, Endpoint, Question, Vantage
from provisioner.probes.reach import ReachQuestion
from provisioner.probes.relay_forms import Doors, relay_forms, submission_forms
from provisioner.probes.roundtrip import MailPath, Reader, RoundTripQuestion
from provisioner.probes.smtp import (
    DialogueQuestion,
    NoAuthQuestion,
    RelayQuestion,
)
from provisioner.probes.submission import (
    ForeignFromQuestion,
    LoginRequiredQuestion,
)
from provisioner.probes.tls import ChainQuestion, InjectionQuestion, OldTlsQuestion, TlsQuestion
from provisioner.probes.zones import lookups_of, zone_questions

NOBODY = "mailprov-no-such-user"
# Reserved by RFC 2606, so that no real mailbox is ever named; the second one is for a
# site that is itself named after the first.
_OUTSIDE = ("example.com", "example.net")


@dataclass(frozen=True)
class ProbeTargets:
    """What the questions need besides the site.

    account: the mail address of the prober's own account. fingerprints: by host key,
    the SHA-256 of the certificate (DER) that the host holds, lower-case hexadecimal. roots: of
    the operator's own certificates, in PEM; None where the hosts make theirs.
    """

    account: str
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    roots: str | None = None


def questions_for(
    site: Site, targets: ProbeTargets, hosts: frozenset[str] | None = None
) -> tuple[Question[Any], ...]:
    """Return all the questions, cheap ones first; with `hosts`, those to these hosts only."""
    asked = [host for host in site.hosts if hosts is None or host.key in hosts]
    return tuple(
        question
        for theme in (
            reach_questions,
            zone_questions,
            tls_questions,
            dialogue_questions,
            login_questions,
            round_trip_questions,
        )
        for host in asked
        for question in theme(site, targets, host)
    )


def at(host: Host, address: IPAddress) -> str:
    """Return how an id names the place: the host's key, with any further address."""
    return host.key if address == host.addresses[0] else f"{host.key}/{address}"


def reach_questions(site: Site, targets: ProbeTargets, host: Host) -> Iterator[Question[Any]]:
    """Ask for every TCP port of the model at every address."""
    del targets
    for address in host.addresses:
        for service in mail_services_of(site, host):
            yield ReachQuestion(
                id=f"port.{service.port}@{at(host, address)}",
                text=f"Can port {service.port} ({service.name}) be reached from here?",
                endpoint=Endpoint(host.key, address, service.port),
                service=service.name,
            )
        if Role.DNS in host.roles:
            yield ReachQuestion(
                id=f"port.{DNS_PORT}@{at(host, address)}",
                text=f"Can port {DNS_PORT} (DNS) be reached from here?",
                endpoint=Endpoint(host.key, address, DNS_PORT),
                service="DNS",
                served=lookups_of(site).served,
            )


def tls_questions(site: Site, targets: ProbeTargets, host: Host) -> Iterator[Question[Any]]:
    """Ask every service with TLS for its key, for old versions and for injection."""
    for address, service in _services(site, host):
        if service.tls == "none":
            continue
        place, endpoint = at(host, address), Endpoint(host.key, address, service.port)
        yield TlsQuestion(
            id=f"tls.{service.name}@{place}",
            text=f"Does {service.name} present the host's own valid certificate?",
            endpoint=endpoint,
            service=service,
            name=host.fqdn,
            fingerprint=targets.fingerprints.get(host.key),
        )
        if targets.roots is not None:
            yield ChainQuestion(
                id=f"tls.chain.{service.name}@{place}",
                text=f"Does {service.name} present a complete certificate chain?",
                endpoint=endpoint,
                service=service,
                name=host.fqdn,
                roots=targets.roots,
            )
        yield OldTlsQuestion(
            id=f"tls.old-refused.{service.name}@{place}",
            text=f"Does {service.name} refuse TLS 1.0 and 1.1?",
            endpoint=endpoint,
            service=service,
        )
        if service.tls == "starttls":
            yield InjectionQuestion(
                id=f"tls.injection.{service.name}@{place}",
                text=f"Does {service.name} discard data injected after STARTTLS?",
                endpoint=endpoint,
                service=service,
            )


def dialogue_questions(site: Site, targets: ProbeTargets, host: Host) -> Iterator[Question[Any]]:
    """Ask the SMTP servers whom they serve."""
    for address, service in _services(site, host):
        place, endpoint = at(host, address), Endpoint(host.key, address, service.port)
        if service.port == SMTP_PORT:
            yield from _questions_to_mx(site, targets, endpoint, service, place)
        elif service.protocol == "smtp":
            yield from _questions_to_submission(site, targets, endpoint, service, place)


def _questions_to_mx(
    site: Site, targets: ProbeTargets, endpoint: Endpoint, service: Service, place: str
) -> Iterator[Question[Any]]:
    yield NoAuthQuestion(
        id=f"smtp.no-auth@{place}", text="Is no login offered on port 25?", endpoint=endpoint
    )
    yield DialogueQuestion(
        id=f"smtp.vrfy@{place}",
        text="Is VRFY refused to strangers?",
        endpoint=endpoint,
        service=service,
        # Of the prober's own address strangers are told nothing in any case.
        commands=(f"VRFY postmaster@{site.domain}",),
        refused=True,
        instead="drop disable_vrfy_command under postfix.main, then apply again",
    )
    for domain in site.domains:
        yield DialogueQuestion(
            id=f"smtp.unknown-recipient.{domain.name}@{place}",
            text=f"Is mail for an unknown user at {domain.name} refused?",
            endpoint=endpoint,
            service=service,
            commands=("MAIL FROM:<>", f"RCPT TO:<{NOBODY}@{domain.name}>"),
            refused=True,
            instead="check the recipient maps under postfix.main, then apply again: mail "
            "accepted for unknown users later bounces to innocent senders",
        )
    yield _relay_question(site, targets, endpoint, place)


def _relay_question(
    site: Site, targets: ProbeTargets, endpoint: Endpoint, place: str
) -> RelayQuestion:
    allowed = site.allow_insecure.get(Allowance.OPEN_RELAY)
    return RelayQuestion(
        id=f"smtp.relay-refused@{place}",
        text="Is relaying refused to strangers?",
        endpoint=endpoint,
        vantage=ANYWHERE if allowed else Vantage(beyond=site.networks.trusted),
        recipient=targets.account,
        forms=relay_forms(_victim(site), NOBODY, _doors(site, endpoint)),
        allowed=allowed,
    )


def _questions_to_submission(
    site: Site, targets: ProbeTargets, endpoint: Endpoint, service: Service, place: str
) -> Iterator[Question[Any]]:
    own = f"<{targets.account}>"
    yield LoginRequiredQuestion(
        id=f"smtp.login-required.{service.name}@{place}",
        text=f"Does {service.name} require a login before it accepts mail?",
        endpoint=endpoint,
        service=service,
        forms=submission_forms(targets.account, _victim(site), _doors(site, endpoint)),
    )
    others = (one.address for one in directory_of(site).users if one.address != targets.account)
    other = next(others, f"postmaster@{site.domain}")
    yield DialogueQuestion(
        id=f"smtp.spoof-refused.{service.name}@{place}",
        text="Is mail refused if its sender is another user's address?",
        endpoint=endpoint,
        service=service,
        login=True,
        commands=(f"MAIL FROM:<{other}>", f"RCPT TO:{own}"),
        refused=True,
        instead=(
            "drop the sender restrictions under postfix.main and postfix.master, then apply again"
        ),
    )
    yield ForeignFromQuestion(
        id=f"smtp.foreign-from-refused.{service.name}@{place}",
        text="Is a user's message refused if its From names another site?",
        endpoint=endpoint,
        service=service,
        senders=(targets.account, ""),
        header_from=_victim(site),
        recipient=targets.account,
    )


def _victim(site: Site) -> str:
    """Return an address that is not the site's, nor anybody's."""
    own = [domain.name for domain in site.domains]
    outside = next(name for name in _OUTSIDE if not any(_is_below(domain, name) for domain in own))
    return f"victim@{outside}"


def _doors(site: Site, endpoint: Endpoint) -> Doors:
    literal = address_literal(endpoint.address)
    return Doors(site.host(endpoint.host).fqdn, literal, site.domain)


def login_questions(site: Site, targets: ProbeTargets, host: Host) -> Iterator[Question[Any]]:
    """Ask every service with login for the right password, a wrong one, and before TLS."""
    del targets
    allowed = site.allow_insecure.get(Allowance.CLEARTEXT_LOGIN)
    # A failed login is slow on purpose: one for each server, not for each port.
    tried: set[str] = set()
    for address, service in _services(site, host):
        if not service.login:
            continue
        place, endpoint = at(host, address), Endpoint(host.key, address, service.port)
        yield LoginQuestion(
            id=f"login.{service.name}@{place}",
            text=f"Does {service.name} accept the right password?",
            endpoint=endpoint,
            service=service,
            correct=True,
        )
        if service.protocol not in tried:
            yield LoginQuestion(
                id=f"login.wrong-password.{service.name}@{place}",
                text=f"Does {service.name} refuse a wrong password?",
                endpoint=endpoint,
                service=service,
                correct=False,
            )
        tried.add(service.protocol)
        if service.tls != "implicit":
            reason = allowed or site.allow_insecure.get(Allowance.NO_TLS)
            yield CleartextQuestion(
                id=f"login.before-tls.{service.name}@{place}",
                text=f"Does {service.name} refuse a login without TLS?",
                endpoint=endpoint,
                vantage=Vantage(stranger=service.protocol != "smtp"),
                service=service,
                allowed=reason if service.cleartext_login else None,
            )


def round_trip_questions(site: Site, targets: ProbeTargets, host: Host) -> Iterator[Question[Any]]:
    """Ask each store for mail that went in by every path of the site."""
    if Role.STORE not in host.roles:
        return
    readers = tuple(
        Reader(Endpoint(host.key, host.addresses[0], service.port), service)
        for service in mail_services_of(site, host)
        if service.protocol in {"imap", "pop3"}
    )
    paths = tuple(
        MailPath(
            Endpoint(other.key, address, service.port), service, at(other, address), service.login
        )
        for other in site.hosts
        for address, service in _services(site, other)
        if service.protocol == "smtp"
    )
    if readers and paths:
        yield RoundTripQuestion(
            id=f"mail.round-trip@{host.key}",
            text="Is mail accepted on every path and delivered unchanged?",
            endpoint=readers[0].endpoint,
            recipient=targets.account,
            paths=paths,
            readers=readers,
        )


def address_literal(address: IPAddress) -> str:
    """Return an address as SMTP writes it (RFC 5321 section 4.1.3)."""
    return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"  # noqa: PLR2004 IP version


def _services(site: Site, host: Host) -> Iterator[tuple[IPAddress, Service]]:
    for address in host.addresses:
        for service in mail_services_of(site, host):
            yield address, service


def _is_below(domain: str, name: str) -> bool:
    return domain == name or domain.endswith(f".{name}")
