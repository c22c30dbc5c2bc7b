"""What a site file may not say in Postfix's own words, where Postfix lets a mistake through.

postconf(1) lists two services on one port without a word. A value that holds more than one word,
or a brace without its partner, would change what stands around it in master.cf. And what
`relay` sets has one place only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.daemons.postfix.exposure import judge_postfix
from provisioner.daemons.postfix.services import (
    COLUMNS,
    MX_SERVICE,
    WORKINGS,
    canonical_service,
    has_matching_braces,
)
from provisioner.daemons.postfix.slips import warn_postfix_slips
from provisioner.diagnostics import quoted
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import HatchRules, HatchText, HeldRules, Reading, rule
from provisioner.model.rules.secrets import is_login_table

OWN_PARAMETERS = frozenset(
    {
        "relayhost",
        "smtp_sasl_auth_enable",
        "smtp_sasl_mechanism_filter",
        "smtp_sasl_password_maps",
        "smtp_sasl_security_options",
        "smtp_sasl_tls_security_options",
        "smtp_sasl_tls_verified_security_options",
        "smtp_tls_CAfile",
        "smtp_tls_CApath",
        "smtp_tls_policy_maps",
        "smtp_tls_secure_cert_match",
        "smtp_tls_security_level",
        "smtp_tls_wrappermode",
        "smtp_use_tls",
        "smtp_enforce_tls",
    }
)
"""What `relay` says in main.cf; a second word on it could have mail leave unprotected."""
# Postfix's own services that send mail on; one of the site's own may be for another way.
_CLIENTS = frozenset({"smtp", "relay"})


def judge_postfix_services(reading: Reading) -> Iterator[SiteProblem]:
    """Require one name for each service in `postfix.master`, and of a new one type and command."""
    written = reading.file.postfix.master if reading.file.postfix else {}
    known = {*WORKINGS, MX_SERVICE, *map(str, reading.submission_ports)}
    seen: dict[str, str] = {}
    for name, options in written.items():
        service = canonical_service(name)
        path = ("postfix", "master", name)
        if service in seen:
            yield SiteProblem(
                path,
                "a service that was named before",
                got=f"{name}, which is {seen[service]}",
                want="one key for a service",
                fix=f"put it all under {seen[service]}",
                at_key=True,
            )
        elif service not in known and ("/" not in name or "command" not in options):
            yield SiteProblem(
                path,
                "a new service of master.cf needs a type and a command",
                got=quoted(name),
                want="a key like 10025/inet with a `command`, or a service that mailprov defines",
                fix="name the service with its type and give it a command",
                at_key=True,
            )
        seen.setdefault(service, name)
        yield from _judge_service_values(path, options)


def _judge_service_values(path: KeyPath, options: Mapping[str, str]) -> Iterator[SiteProblem]:
    """Require values that stay what they are in master.cf: one word, or braces that match."""
    for name, value in options.items():
        count = len(value.split())
        if name in COLUMNS and (not count or (count > 1 and name != "command")):
            yield SiteProblem(
                (*path, name),
                "more than one word, or none, for a column of master.cf: the next columns "
                "would move",
                got=quoted(value),
                want="one word, as in master(5)",
                fix="write the one word",
            )
        elif not has_matching_braces(value):
            yield SiteProblem(
                (*path, name),
                "braces that do not match: they would change the text around them in master.cf",
                got=quoted(value),
                want="a closing brace for every opening one",
                fix="add the brace that is missing, or remove the other",
            )


def judge_own_parameters(reading: Reading) -> Iterator[SiteProblem]:
    """Require what `relay` says in main.cf to be said there alone."""
    file = reading.file
    if file.relay is None or file.postfix is None:
        return
    main: tuple[KeyPath, Mapping[str, str]] = (("postfix", "main"), file.postfix.main)
    clients: dict[KeyPath, Mapping[str, str]] = {
        ("postfix", "master", service): options
        for service, options in file.postfix.master.items()
        if canonical_service(service) in _CLIENTS
    }
    for path, options in (main, *clients.items()):
        for name in sorted(OWN_PARAMETERS.intersection(options)):
            yield SiteProblem(
                (*path, name),
                "a parameter that `relay` sets: a second value would override it",
                got=name,
                want="one of the two",
                fix="remove it, or `relay`",
                at_key=True,
            )


def _values(reading: Reading) -> Iterator[HatchText]:
    written = reading.file.postfix
    if written is not None:
        for name, value in written.main.items():
            yield HatchText(("postfix", "main", name), name, value)
        for service, options in written.master.items():
            for name, value in options.items():
                yield HatchText(("postfix", "master", service, name), name, value)


def _may_be_held(name: str) -> bool:
    return name.endswith("_maps")


def _way_out(name: str) -> str:
    if "relay" in name:
        return "use `relay` with `password: {env: VARIABLE}`"
    rows = f"`{name}: {{secret: {{file: PATH}}}}`, which is to hold the table's rows"
    if is_login_table(name):
        return f"use `relay` with `password: {{env: VARIABLE}}`; or {rows}"
    own = "name a file of your own that holds it, like mysql:/etc/postfix/users.cf, for root alone"
    return f"{own}; or {rows}" if _may_be_held(name) else f"for a smarthost `relay`; else {own}"


HATCH = HatchRules(
    "postfix",
    judge_postfix,
    (
        rule(judge_own_parameters, "relay", "postfix"),
        rule(judge_postfix_services, "postfix", "submission"),
    ),
    warn_postfix_slips,
    _values,
    HeldRules("a parameter that takes a lookup table (`…_maps`)", _may_be_held, _way_out),
)
