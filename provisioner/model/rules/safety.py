"""Rules about unsafe wishes: they are granted where the site names them with a reason."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.model.address_space import covers_public
from provisioner.model.file.services import WrittenImap, WrittenPop3, WrittenSubmission
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.secrets import PasswordHash
from provisioner.model.services import IMPLICIT_TLS_PORTS
from provisioner.model.site import Allowance

Service = WrittenSubmission | WrittenImap | WrittenPop3


def judge_networks(reading: Reading) -> Iterator[SiteProblem]:
    """Require a site that relays, or resolves, for everybody to insist on it."""
    allowed = reading.file.allow_insecure
    if covers_public(reading.trusted) and Allowance.OPEN_RELAY not in allowed:
        yield _unsafe(
            ("networks", "trusted"),
            "an open relay: anybody could send mail through the site without a login",
            Allowance.OPEN_RELAY,
            got="networks that hold a large part of the Internet",
            want="the site's own networks",
        )
    if covers_public(reading.resolver) and Allowance.OPEN_RESOLVER not in allowed:
        networks = reading.file.networks
        own = networks is not None and networks.resolver is not None
        yield _unsafe(
            ("networks", "resolver" if own else "trusted"),
            "an open resolver: anybody could use it for amplification attacks",
            Allowance.OPEN_RESOLVER,
            got="networks that hold a large part of the Internet"
            + (
                ""
                if own
                else (
                    ", because `trusted` may query the resolver if `networks.resolver` is missing"
                )
            ),
            want="the site's own networks in `networks.resolver`",
        )


def judge_tls(reading: Reading) -> Iterator[SiteProblem]:
    """Require a site without TLS to insist, and to say where people may then log in."""
    file = reading.file
    if file.tls != "none":
        return
    if Allowance.NO_TLS not in file.allow_insecure:
        yield _unsafe(
            ("tls",),
            "no TLS: an attacker could read passwords and mail",
            Allowance.NO_TLS,
            got="none",
            want="self-signed, or certificate files",
        )
    for name, service in _services(reading):
        ports = None if service is None else service.ports
        for index, port in enumerate(ports or ()):
            if port in IMPLICIT_TLS_PORTS:
                yield SiteProblem(
                    (name, "ports", index),
                    "a port with TLS from the start, on a site without TLS",
                    got=str(port),
                    want="the port that starts in cleartext",
                    fix="remove the port, or use `tls: self-signed`",
                )
        if ports != () and not (service is not None and service.cleartext_login):
            yield SiteProblem(
                ("tls",) if service is None else (name,),
                f"nobody could log in to {name}: without TLS every login is in cleartext",
                got="tls: none",
                want=f"{name}.cleartext_login: true, or TLS",
                fix=f"add `{name}: {{cleartext_login: true}}`, or use `tls: self-signed`",
            )


def judge_cleartext_login(reading: Reading) -> Iterator[SiteProblem]:
    """Require a site that accepts logins without TLS to insist on it."""
    if Allowance.CLEARTEXT_LOGIN in reading.file.allow_insecure:
        return
    for name, service in _services(reading):
        if service is not None and service.cleartext_login:
            yield _unsafe(
                (name, "cleartext_login"),
                "logins in cleartext: an attacker could read passwords",
                Allowance.CLEARTEXT_LOGIN,
                got="true",
                want="false",
            )


def judge_hatches(reading: Reading) -> Iterator[SiteProblem]:
    """Require a site whose escape hatches amount to something unsafe to insist on it."""
    for one in reading.exposures:
        if one.allowance is None:
            fix = f"use {one.want}"
            yield SiteProblem(one.path, one.summary, one.got, one.want, fix)
        elif one.allowance not in reading.file.allow_insecure:
            yield _unsafe(one.path, one.summary, one.allowance, got=one.got, want=one.want)


def judge_ports(reading: Reading) -> Iterator[SiteProblem]:
    """Require ports to send by and to read by, each listed once."""
    for name, service in _services(reading):
        ports = () if service is None or service.ports is None else service.ports
        for index, port in enumerate(ports):
            if port in ports[:index]:
                yield SiteProblem(
                    (name, "ports", index),
                    "a port listed twice",
                    got=str(port),
                    want="every port once",
                    fix="remove one of the two",
                )
    off = {name for name, one in _services(reading) if one is not None and one.ports == ()}
    if "submission" in off:
        yield _all_off(("submission", "ports"), "send", "587, 465 or both")
    if {"imap", "pop3"} <= off:
        yield _all_off(("imap", "ports"), "read", "a port of imap or pop3")


def judge_hashes(reading: Reading) -> Iterator[SiteProblem]:
    """Require a site with weak password schemes to insist on it."""
    if Allowance.WEAK_HASH in reading.file.allow_insecure:
        return
    for key, user in reading.file.users.items():
        if isinstance(user.password, PasswordHash) and user.password.weak:
            yield _unsafe(
                ("users", key, "password"),
                "a weak password scheme: a stolen hash soon reveals the password",
                Allowance.WEAK_HASH,
                got=f"{{{user.password.scheme}}}",
                want="BLF-CRYPT, ARGON2ID, SHA512-CRYPT or another strong scheme",
            )


def _services(reading: Reading) -> tuple[tuple[str, Service | None], ...]:
    file = reading.file
    return (("submission", file.submission), ("imap", file.imap), ("pop3", file.pop3))


def _unsafe(
    path: KeyPath, summary: str, allowance: Allowance, *, got: str, want: str
) -> SiteProblem:
    fix = f"use {want}, or give a reason: `allow_insecure: {{{allowance}: REASON}}`"
    return SiteProblem(path, summary, got, want, fix)


def _all_off(path: KeyPath, verb: str, want: str) -> SiteProblem:
    return SiteProblem(
        path,
        f"nobody could {verb} mail: every port is off",
        got="an empty list",
        want=want,
        fix="list a port, or remove `ports`",
    )
