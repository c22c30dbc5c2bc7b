"""What `dovecot` of a site file amounts to: logins, TLS, and what the log shows.

Sources: Dovecot's settings of both versions (doc.dovecot.org). With `ssl = required` no
login is taken before TLS, whatever else is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from provisioner.diagnostics import quoted
from provisioner.model.address_space import network_of
from provisioner.model.exposure import Exposure
from provisioner.model.problems import KeyPath
from provisioner.model.reading import Reading
from provisioner.model.site import Allowance

Settings = Mapping[str, str]

_YES = frozenset({"yes", "y", "1"})
_NO = frozenset({"no", "n", "0"})
# A line of dovecot.conf up to its comment, which may begin anywhere but in quotes.
_SAID = re.compile(r"""(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?|[^"'#])*""")
# What parts the words of a list: 2.4 takes commas, and quotes around each.
_BETWEEN = re.compile(r"[\s,\"']+")
# sha1 cut to so few digits tells attempts apart and gives no password away.
_CUT_DIGEST = re.compile(r"sha1:[1-8]", re.IGNORECASE)


def judge_dovecot(reading: Reading) -> Iterator[Exposure]:
    """Yield what is unsafe in `dovecot`, for each version that is spoken to."""
    for version, settings in reading.file.dovecot.items():
        path = ("dovecot", version)
        yield from _judge_tls(reading, path, settings)
        yield from _judge_logins(path, settings)
        yield from _judge_log(path, settings)


def _judge_tls(reading: Reading, path: KeyPath, settings: Settings) -> Iterator[Exposure]:
    ssl = _word(settings, "ssl") or _preset_ssl(reading)
    if ssl == "no" and "ssl" in settings:
        yield Exposure(
            (*path, "ssl"),
            Allowance.NO_TLS,
            "no TLS: an attacker could read passwords and mail",
            quoted(settings["ssl"]),
            "ssl = required, which is mailprov's own",
        )
    name, safe = (
        ("auth_allow_cleartext", _NO) if path[1] == "2.4" else ("disable_plaintext_auth", _YES)
    )
    word = _word(settings, name)
    early = _preset_cleartext(reading) if not word else word not in safe
    written = [key for key in (name, "ssl") if key in settings]
    if early and ssl != "required" and written:
        yield Exposure(
            (*path, written[0]),
            Allowance.CLEARTEXT_LOGIN,
            "logins in cleartext: an attacker could read passwords",
            " and ".join(f"{key} = {settings[key]}" for key in written),
            f"{name} = {'no' if path[1] == '2.4' else 'yes'}, or ssl = required",
        )
    trusted = _words(settings, "login_trusted_networks")
    if others := [one for one in trusted if not _is_loopback(one)]:
        yield Exposure(
            (*path, "login_trusted_networks"),
            Allowance.CLEARTEXT_LOGIN,
            "logins in cleartext: trusted clients may log in before TLS and claim another address",
            quoted(" ".join(others)),
            "no login_trusted_networks, or the host's own loopback",
        )


def _judge_logins(path: KeyPath, settings: Settings) -> Iterator[Exposure]:
    if _word(settings, "auth_allow_weak_schemes") in _YES:
        yield Exposure(
            (*path, "auth_allow_weak_schemes"),
            Allowance.WEAK_HASH,
            "weak password schemes: a stolen hash soon reveals the password",
            quoted(settings["auth_allow_weak_schemes"]),
            "auth_allow_weak_schemes = no, which is Dovecot's own",
        )
    if "anonymous" in _words(settings, "auth_mechanisms"):
        yield Exposure(
            (*path, "auth_mechanisms"),
            None,
            "logins without a password",
            quoted(settings["auth_mechanisms"]),
            "auth_mechanisms = plain login, which is mailprov's own",
        )


def _judge_log(path: KeyPath, settings: Settings) -> Iterator[Exposure]:
    verbose = _word(settings, "auth_verbose_passwords")
    unsafe = bool(verbose) and verbose not in _NO and not _CUT_DIGEST.fullmatch(verbose)
    for name, found in (
        ("auth_verbose_passwords", unsafe),
        ("auth_debug_passwords", _word(settings, "auth_debug_passwords") in _YES),
    ):
        if found:
            yield Exposure(
                (*path, name),
                Allowance.LOGGED_PASSWORDS,
                "passwords in the log: every reader of the log or a copy sees them",
                quoted(settings[name]),
                "auth_verbose_passwords = sha1:6 to tell attempts apart, or none",
            )


def _word(settings: Settings, name: str) -> str:
    """Return a value as Dovecot reads it: without its comment, and without quotes."""
    said = "".join(_SAID.findall(settings.get(name, ""))[:1])
    return said.strip(" \"'").lower()


def _words(settings: Settings, name: str) -> list[str]:
    return list(filter(None, _BETWEEN.split(_word(settings, name))))


def _preset_ssl(reading: Reading) -> str:
    if reading.file.tls == "none":
        return "no"
    services = (reading.file.imap, reading.file.pop3)
    return "yes" if any(one is not None and one.cleartext_login for one in services) else "required"


def _preset_cleartext(reading: Reading) -> bool:
    services = (reading.file.imap, reading.file.pop3)
    return reading.file.tls == "none" or all(
        one is not None and one.cleartext_login for one in services
    )


def _is_loopback(text: str) -> bool:
    network = network_of(text)
    return network is not None and network.is_loopback
