"""What each unsafe wish means in the real world, and what to set instead.

One source for all who tell of it: the warnings about a site file and the findings of
`verify`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioner.model.address_space import covers_public
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.secrets import PasswordHash
from provisioner.model.site import Allowance, IPNetwork

_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Insecurity:
    """An unsafe wish. what: its name; risk: what comes of it; safe: the setting instead."""

    what: str
    risk: str
    safe: str

    @property
    def summary(self) -> str:
        """Name and reason in one sentence."""
        return f"{self.what}: {self.risk}"


INSECURITIES: Mapping[Allowance, Insecurity] = {
    Allowance.OPEN_RELAY: Insecurity(
        "an open relay",
        "anybody can send mail to anywhere through it; spammers find it within hours, "
        "and blocklists then refuse the site's own mail",
        "`networks: {trusted: [your own networks]}`",
    ),
    Allowance.OPEN_RESOLVER: Insecurity(
        "an open resolver",
        "anybody can ask it, and its answers to forged questions flood others (RFC 5358)",
        "`networks: {resolver: [your own networks]}`",
    ),
    Allowance.CLEARTEXT_LOGIN: Insecurity(
        "login in cleartext",
        "a mail client without TLS sends its password in cleartext over the network",
        "`cleartext_login: false`, the default: TLS first, then the password",
    ),
    Allowance.NO_TLS: Insecurity(
        "no TLS",
        "an attacker on the network path can read and change mail, and read passwords",
        "`tls: self-signed`, the default, or `tls: {files: …}` with a certificate of yours",
    ),
    Allowance.WEAK_HASH: Insecurity(
        "weak password schemes",
        "stolen hashes soon reveal the passwords",
        "hashes of `doveadm pw -s BLF-CRYPT`, or references to long passwords, which "
        "mailprov hashes with it",
    ),
    Allowance.CLEARTEXT_RELAY: Insecurity(
        "mail to the relay without TLS",
        "an attacker on the network path can read and change all outgoing mail, and "
        "read the relay's password",
        "`relay: {tls: required}`, the default, or `wrapped`",
    ),
    Allowance.LOGGED_PASSWORDS: Insecurity(
        "passwords in the log",
        (
            "anyone who reads the mail log, a copy or a backup can see the passwords that "
            "users tried"
        ),
        "`auth_verbose_passwords: sha1:6`, which distinguishes attempts and shows no password",
    ),
}


def safe_setting(allowance: Allowance, *, tls_off: bool) -> str:
    """Return what to set instead of an unsafe wish, and in which order.

    tls_off: the site has `tls: none`, with which nobody could log in but in cleartext.
    """
    if allowance is Allowance.CLEARTEXT_LOGIN and tls_off:
        return "first `tls: self-signed`, then `cleartext_login: false`"
    return INSECURITIES[allowance].safe


def is_used(reading: Reading, allowance: Allowance) -> bool:
    """Tell whether the site does, or with passwords by reference may do, what it may."""
    return any(True for _ in _uses(reading, allowance))


def warn_insecurities(reading: Reading) -> Iterator[SiteProblem]:
    """Yield a warning for each place where the site does something unsafe that it allows."""
    for allowance in reading.file.allow_insecure:
        told = INSECURITIES[allowance]
        for path, got, at_key in _uses(reading, allowance):
            yield SiteProblem(
                path,
                told.summary,
                got=got,
                want=safe_setting(allowance, tls_off=reading.file.tls == "none"),
                fix=(
                    f"set that, and remove `{allowance}` from `allow_insecure` once nothing "
                    "needs it"
                ),
                at_key=at_key,
            )


def _uses(reading: Reading, allowance: Allowance) -> Iterator[tuple[KeyPath, str, bool]]:
    """Yield the places that need an allowance, what stands there, whether it is the key."""
    file = reading.file
    if allowance is Allowance.OPEN_RELAY and covers_public(reading.trusted):
        yield ("networks", "trusted"), _listed(reading.trusted), False
    if allowance is Allowance.OPEN_RESOLVER and covers_public(reading.resolver):
        own = file.networks is not None and file.networks.resolver is not None
        inherited = "" if own else ", which may query the resolver if `resolver` is missing"
        got = _listed(reading.resolver if own else reading.trusted) + inherited
        yield ("networks", "resolver" if own else "trusted"), got, False
    if allowance is Allowance.NO_TLS and file.tls == "none":
        yield ("tls",), "none", False
    if allowance is Allowance.CLEARTEXT_LOGIN:
        yield from _cleartext_logins(reading)
    if allowance is Allowance.CLEARTEXT_RELAY and file.relay and file.relay.tls == "none":
        yield ("relay", "tls"), "none", False
    if allowance is Allowance.WEAK_HASH:
        yield from _weak_hashes(reading)
    for one in reading.exposures:
        if one.allowance is allowance:
            yield one.path, one.got, False


def _cleartext_logins(reading: Reading) -> Iterator[tuple[KeyPath, str, bool]]:
    file = reading.file
    services = (("submission", file.submission), ("imap", file.imap), ("pop3", file.pop3))
    for name, service in services:
        if service is not None and service.cleartext_login:
            yield (name, "cleartext_login"), "true", False


def _weak_hashes(reading: Reading) -> Iterator[tuple[KeyPath, str, bool]]:
    unknown = 0
    for key, user in reading.file.users.items():
        if not isinstance(user.password, PasswordHash):
            unknown += 1
        elif user.password.weak:
            yield ("users", key, "password"), f"{{{user.password.scheme}}}", False
    if unknown:
        # Known when secrets are read, and judged there.
        got = f"{unknown} {'password' if unknown == 1 else 'passwords'} by reference"
        got += ", which `plan` and `apply` check"
        yield ("allow_insecure", Allowance.WEAK_HASH.value), got, True


def _listed(networks: tuple[IPNetwork, ...]) -> str:
    shown = ", ".join(map(str, networks[:_SHOWN]))
    return f"{shown} and {len(networks) - _SHOWN} more" if len(networks) > _SHOWN else shown
