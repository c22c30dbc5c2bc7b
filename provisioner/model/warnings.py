"""What is valid in a site file and still worth a second look."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import idna

from provisioner.model.insecurities import is_used, warn_insecurities
from provisioner.model.names import DomainName
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import BOUNCER, Reading
from provisioner.model.site import AccountKind

# UTS 39 section 5.1: these combinations are how the languages are written.
_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)


def warn_site(reading: Reading) -> tuple[SiteProblem, ...]:
    """Return the warnings about a valid site."""
    return tuple(
        warning
        for warn in (
            _warn_names,
            _warn_addresses,
            _warn_allowances,
            warn_insecurities,
            _warn_dns,
            _warn_accounts,
            _warn_readers,
            *(hatch.warnings for hatch in reading.hatches),
        )
        for warning in warn(reading)
    )


# Marks among the letters that are of no script, or of one that their name does not begin with
# (UAX 24): the Japanese long vowel, and what stands for the ideograph before it or for zero.
_SCRIPT_OF_MARK = {"KATAKANA-HIRAGANA": None, "IDEOGRAPHIC": "CJK"}


def scripts_of(label: str) -> frozenset[str]:
    """Return the scripts of a label's letters, by the first word of their Unicode names."""
    letters = (character for character in label if unicodedata.category(character).startswith("L"))
    words = (unicodedata.name(letter, "?").partition(" ")[0] for letter in letters)
    scripts = (_SCRIPT_OF_MARK.get(word, word) for word in words)
    return frozenset(script for script in scripts if script)


def _names(reading: Reading) -> Iterator[tuple[KeyPath, DomainName, bool]]:
    yield ("domain",), reading.file.domain, False
    for key in reading.file.domains:
        yield ("domains", key), key.name, True
    for host, written in reading.file.hosts.items():
        if written.fqdn is not None:
            yield ("hosts", host, "fqdn"), written.fqdn, False


def _warn_names(reading: Reading) -> Iterator[SiteProblem]:
    for path, name, at_key in _names(reading):
        for label in name.split("."):
            shown = idna.ulabel(label) if label.startswith("xn--") else label
            scripts = scripts_of(shown)
            if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
                yield SiteProblem(
                    path,
                    "a name of mixed scripts, which can look like another name",
                    got=f"{shown}: {', '.join(sorted(scripts))}",
                    want="one script in each label",
                    fix="check that every letter is the intended one",
                    at_key=at_key,
                )
        if name.endswith(".local"):
            yield SiteProblem(
                path,
                "a name under .local, which many systems resolve by multicast DNS (RFC 6762)",
                got=name,
                want="a name that only the DNS resolves",
                fix="use a domain of your own, or one under home.arpa or internal",
                at_key=at_key,
            )


def _warn_addresses(reading: Reading) -> Iterator[SiteProblem]:
    for key, host in reading.file.hosts.items():
        for index, address in enumerate(host.address):
            if address.is_loopback:
                yield SiteProblem(
                    ("hosts", key, "address", index),
                    "a loopback address: only the host itself can reach it",
                    got=str(address),
                    want="the address that others reach the host at",
                    fix="correct the address, unless only this host uses the site",
                )
        if host.connection == "local" and host.ssh is not None:
            yield SiteProblem(
                ("hosts", key, "ssh"),
                "ssh options of a host that is not reached by ssh",
                got="connection: local",
                want="one of the two",
                fix="remove `ssh`, or `connection`",
            )


def _warn_allowances(reading: Reading) -> Iterator[SiteProblem]:
    for allowance in reading.file.allow_insecure:
        if not is_used(reading, allowance):
            yield SiteProblem(
                ("allow_insecure", allowance.value),
                "an unused allowance",
                got=allowance.value,
                want="only allowances that the site needs",
                fix="remove it, so that it cannot take effect unnoticed later",
                at_key=True,
            )


def _warn_dns(reading: Reading) -> Iterator[SiteProblem]:
    if reading.file.dns is None:
        return
    for index, zone in enumerate(reading.file.dns.insecure):
        if zone.canonical == ".":
            yield SiteProblem(
                ("dns", "insecure", index),
                "DNSSEC validation is off for all names",
                got=".",
                want="the zones without valid signatures",
                fix="list only these zones",
            )
    if reading.file.dns.zone_type == "static":
        for zone in reading.file.dns.forward:
            if zone.canonical in reading.domains:
                yield SiteProblem(
                    ("dns", "forward", zone),
                    "a static domain of the site has servers that are never queried",
                    got=f"{zone.canonical}, and zone_type: static",
                    want="zone_type: transparent, which queries the servers for other names of it",
                    fix="remove the zone, or `zone_type`",
                    at_key=True,
                )


def _warn_accounts(reading: Reading) -> Iterator[SiteProblem]:
    accounts = reading.file.accounts
    if accounts is not None and accounts.kind is AccountKind.VIRTUAL and accounts.shell:
        yield SiteProblem(
            ("accounts", "shell"),
            "a login shell for accounts without one",
            got=accounts.shell,
            want="shell with kind: system only",
            fix="remove `shell`",
        )


def _warn_readers(reading: Reading) -> Iterator[SiteProblem]:
    users = reading.file.users
    # Who answers a bounce follows postmaster, wherever that leads.
    theirs = any(address.local != BOUNCER for address in reading.implied_aliases)
    if users and theirs and not any(user.enabled for user in users.values()):
        yield SiteProblem(
            ("users",),
            "the user who gets postmaster's mail may not log in",
            got=f"{reading.first_user}, who is disabled",
            want="a reader for mail to the mail server's operator (RFC 5321, 4.5.1)",
            fix="enable a user, or give these addresses another target under `aliases`",
            at_key=True,
        )
