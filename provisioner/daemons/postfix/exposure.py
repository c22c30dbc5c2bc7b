"""What `postfix` of a site file amounts to: relaying, logins, TLS, and what the log shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from provisioner.daemons.postfix.language import expand, words
from provisioner.daemons.postfix.master import Master, Options, PublicService, public_services
from provisioner.daemons.postfix.restrictions import Stranger
from provisioner.diagnostics import quoted
from provisioner.model.exposure import Exposure
from provisioner.model.problems import KeyPath
from provisioner.model.reading import Reading
from provisioner.model.site import Allowance

# From here on smtpd_tls_loglevel has what was sent over TLS (postconf(5)).
_DUMPING_LOG_LEVEL = 3
_VERBOSE = re.compile(r"(?<!\S)-v+(?!\S)")


@dataclass(frozen=True, slots=True)
class _Check:
    """Something unsafe that a service may do; `done` tells whether it does."""

    allowance: Allowance
    done: Callable[[PublicService], bool]
    summary: str
    want: str


def judge_postfix(reading: Reading) -> Iterator[Exposure]:
    """Yield what is unsafe in `postfix`: each key once, whatever services it is for."""
    hatch = reading.file.postfix
    if hatch is None:
        return
    seen: set[tuple[Allowance, KeyPath]] = set()
    # What the site's own keys do already is theirs to answer for.
    own = list(public_services(reading, {}, {}))
    for check in _CHECKS:
        already = {one.name for one in own if check.done(one)}
        for service in public_services(reading, hatch.main, hatch.master):
            if service.name in already or not check.done(service) or not service.read:
                continue
            path = _culprit(reading, check, service, hatch.main, hatch.master)
            if (check.allowance, path) not in seen:
                seen.add((check.allowance, path))
                yield _exposure(check, service, path)


def _culprit(
    reading: Reading, check: _Check, service: PublicService, main: Options, master: Master
) -> KeyPath:
    """Return the key without which the service would not do it; the first, if it takes several."""
    for path in dict.fromkeys(service.read):
        if path[1] == "main":
            rest = {name: value for name, value in main.items() if name != path[-1]}
            others = public_services(reading, rest, master)
        else:
            own = {name: value for name, value in service.own.items() if name != path[-1]}
            others = public_services(reading, main, {**master, str(path[2]): own})
        if not any(check.done(one) for one in others if one.name == service.name):
            return path
    return service.read[0]


def _exposure(check: _Check, service: PublicService, path: KeyPath) -> Exposure:
    name = str(path[-1])
    written = (service.main if path[1] == "main" else service.own)[name]
    value = written if name == "command" else expand(written, service.value)
    got = quoted(value) + ("" if value == written else f", from {quoted(written)}")
    where = "" if path[1] == "master" else f", in force for service {service.name}"
    return Exposure(path, check.allowance, check.summary, got + where, check.want)


def _relays(service: PublicService) -> bool:
    if service.program == "qmqpd":
        return Stranger(service.value).is_among("qmqpd_authorized_clients")
    return service.program == "smtpd" and Stranger(service.value).may_relay()


def _takes_cleartext_logins(service: PublicService) -> bool:
    # Where TLS is a must, a login before it is not offered, whatever smtpd_tls_auth_only says.
    return (
        service.program == "smtpd"
        and not service.switched_on("smtpd_tls_auth_only")
        and not _demands_tls(service)
        and service.switched_on("smtpd_sasl_auth_enable")
        and "noplaintext" not in words(service.value("smtpd_sasl_security_options"))
    )


def _demands_tls(service: PublicService) -> bool:
    level = service.value("smtpd_tls_security_level").strip().lower()
    if service.switched_on("smtpd_tls_wrappermode") and level != "none":
        return True
    return level == "encrypt" or (not level and service.switched_on("smtpd_enforce_tls"))


def _offers_no_tls(service: PublicService) -> bool:
    level = service.value("smtpd_tls_security_level").strip().lower()
    old = service.switched_on("smtpd_use_tls") or service.switched_on("smtpd_enforce_tls")
    return service.program == "smtpd" and (level == "none" or (not level and not old))


def _logs_passwords(service: PublicService) -> bool:
    if service.program != "smtpd" or not service.switched_on("smtpd_sasl_auth_enable"):
        return False
    level = service.value("smtpd_tls_loglevel").strip()
    if level.isdecimal() and int(level) >= _DUMPING_LOG_LEVEL:
        return True
    if _VERBOSE.search(service.own.get("command", "")):
        service.read.append((*service.own_path, "command"))
        return True
    return bool(service.value("debug_peer_list").strip())


_CHECKS = (
    _Check(
        Allowance.OPEN_RELAY,
        _relays,
        "an open relay: anybody could send mail through the site without a login",
        "the site's own networks in `networks.trusted`, and a list that refuses "
        "strangers, like mailprov's own",
    ),
    _Check(
        Allowance.CLEARTEXT_LOGIN,
        _takes_cleartext_logins,
        "logins in cleartext: an attacker could read passwords",
        "smtpd_tls_auth_only = yes, or a security level of encrypt, wherever users log in",
    ),
    _Check(
        Allowance.NO_TLS,
        _offers_no_tls,
        "no TLS: an attacker could read passwords and mail",
        "a security level of may on port 25, and of encrypt where users log in",
    ),
    _Check(
        Allowance.LOGGED_PASSWORDS,
        _logs_passwords,
        "passwords in the log: Postfix would log the passwords of users",
        "smtpd_tls_loglevel below 3, no debug_peer_list, and no -v",
    ),
)
