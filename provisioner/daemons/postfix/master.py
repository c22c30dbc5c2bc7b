"""The services of master.cf as a site's hatch leaves them, each with its parameters' values.

What mailprov itself sets is in the templates; what of it decides whether a stranger may relay
or log in stands here once more, and a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from provisioner.daemons.postfix.language import expand, words
from provisioner.daemons.postfix.services import MX_SERVICE, canonical_service
from provisioner.model.address_space import covers_public
from provisioner.model.networks import bracketed
from provisioner.model.problems import KeyPath
from provisioner.model.reading import Reading
from provisioner.model.services import SUBMISSIONS_PORT
from provisioner.model.site import Allowance, IPNetwork, Role
from provisioner.model.values import InvalidValueError

Options = Mapping[str, str]
Master = Mapping[str, Options]

_LOCAL = re.compile(r"(localhost|127(\.\d+){3}|\[?::1\]?|loopback-only)", re.IGNORECASE)
# -o name=value, or -o { name = value } (master(5)).
_OPTION = re.compile(r"(?<!\S)-o\s*(?:\{\s*(\w+)\s*=\s*((?:[^{}]|\{[^{}]*\})*?)\s*\}|(\w+)=(\S*))")
_WRAPPED_PORT = str(SUBMISSIONS_PORT)


@dataclass(frozen=True)
class PublicService:
    """A program that answers strangers, with what main.cf and master.cf set for it.

    read: the places of the hatch's parameters that were asked for, in that order.
    """

    name: str
    program: str
    own: Options
    own_path: KeyPath
    preset: Options
    in_command: Options
    main: Options
    main_preset: Options
    read: list[KeyPath] = field(default_factory=list)

    def value(self, name: str) -> str:
        """Return the value of a parameter as the service has it, expanded."""
        return expand(self._written(name), self._written)

    def switched_on(self, name: str) -> bool:
        """Tell whether a parameter is `yes`."""
        return self.value(name).strip().lower() == "yes"

    def _written(self, name: str) -> str:
        if name in self.own:
            self.read.append((*self.own_path, name))
            return self.own[name]
        if name in self.preset:
            return self.preset[name]
        if name in self.in_command:
            self.read.append((*self.own_path, "command"))
            return self.in_command[name]
        if name in self.main:
            self.read.append(("postfix", "main", name))
            return self.main[name]
        return self.main_preset.get(name, "")


def public_services(reading: Reading, main: Options, master: Master) -> Iterator[PublicService]:
    """Yield what strangers can reach: mailprov's own ports and the hatch's services.

    main, master: the hatch, whole or a part of it.
    """
    preset = main_presets(reading)
    ports = service_presets(reading)
    # A name that the hatch does not set is none of this machine's own: $myhostname, mostly.
    if _only_local(expand(main.get("inet_interfaces", "all"), lambda name: main.get(name, name))):
        return
    written = {canonical_service(name): (name, options) for name, options in master.items()}
    for port, own in ports.items():
        name, options = written.pop(port, (port, {}))
        program, inner = split_command(options.get("command", "smtpd"))
        path = ("postfix", "master", name)
        yield PublicService(port, program, options, path, own, inner, main, preset)
    for service, (name, options) in written.items():
        address, _, kind = name.rpartition("/")
        host = address.rpartition(":")[0]
        if "command" not in options or kind not in {"inet", "pass"} or _LOCAL.fullmatch(host):
            continue
        program, inner = split_command(options["command"])
        path = ("postfix", "master", name)
        yield PublicService(service, program, options, path, {}, inner, main, preset)


def main_presets(reading: Reading) -> dict[str, str]:
    """Return what mailprov sets in main.cf, and Postfix by itself, as far as it is judged.

    What the site's own keys may not say is told at them: here it counts as not said.
    """
    trusted = " ".join(map(bracketed, _trusted(reading)))
    return {
        "myhostname": _host_name(reading),
        "mydomain": reading.file.domain,
        "mynetworks": f"127.0.0.0/8 [::1]/128 {trusted}".strip(),
        "relay_domains": "",
        "smtpd_client_restrictions": "",
        "smtpd_helo_restrictions": "permit_mynetworks",
        "smtpd_sender_restrictions": "permit_mynetworks",
        "smtpd_relay_restrictions": "permit_mynetworks reject_unauth_destination",
        "smtpd_recipient_restrictions": "permit_mynetworks",
        "smtpd_sasl_security_options": "noanonymous",
        "smtpd_tls_auth_only": "no" if _cleartext(reading) else "yes",
        "smtpd_tls_security_level": "none" if _without_tls(reading) else "may",
        **({} if _without_tls(reading) else {"smtpd_tls_loglevel": "1"}),
    }


def service_presets(reading: Reading) -> dict[str, dict[str, str]]:
    """Return what mailprov sets for each port of its own in master.cf, as far as it is judged."""
    services: dict[str, dict[str, str]] = {}
    if reading.hosts_with(Role.MX):
        services[MX_SERVICE] = {}
    off = {_WRAPPED_PORT} if reading.file.tls == "none" else set()
    for port in sorted({str(port) for port in reading.submission_ports} - off):
        wrapped = {"smtpd_tls_wrappermode": "yes"} if port == _WRAPPED_PORT else {}
        services[port] = wrapped | _submission_presets(reading)
    return services


def _submission_presets(reading: Reading) -> dict[str, str]:
    level = "may" if _cleartext(reading) else "encrypt"
    return {
        "smtpd_tls_security_level": "none" if _without_tls(reading) else level,
        "smtpd_tls_auth_only": "no" if _cleartext(reading) else "yes",
        **({} if _without_tls(reading) else {"smtpd_tls_loglevel": "0"}),
        "smtpd_sasl_auth_enable": "yes",
        "smtpd_client_restrictions": "",
        "smtpd_helo_restrictions": "",
        "smtpd_sender_restrictions": "permit_sasl_authenticated, check_client_access "
        "static:{530 5.7.0 Authentication required}",
        "smtpd_relay_restrictions": "permit_sasl_authenticated,reject",
        "smtpd_recipient_restrictions": "",
    }


def _host_name(reading: Reading) -> str:
    try:
        return "".join(reading.fqdn(key) for key in reading.hosts_with(Role.MX)[:1])
    except InvalidValueError:
        return ""  # told by the rule about names


def _trusted(reading: Reading) -> tuple[IPNetwork, ...]:
    allowed = Allowance.OPEN_RELAY in reading.file.allow_insecure
    return reading.trusted if allowed or not covers_public(reading.trusted) else ()


def _without_tls(reading: Reading) -> bool:
    return reading.file.tls == "none" and Allowance.NO_TLS in reading.file.allow_insecure


def _cleartext(reading: Reading) -> bool:
    written = reading.file.submission
    wished = _without_tls(reading) or bool(written and written.cleartext_login)
    return wished and Allowance.CLEARTEXT_LOGIN in reading.file.allow_insecure


def split_command(text: str) -> tuple[str, dict[str, str]]:
    """Return the program of a command, and the parameters that its -o options set."""
    program = text.split(maxsplit=1)[0] if text.strip() else ""
    found = _OPTION.finditer(text)
    return program, {one[1] or one[3]: one[2] or one[4] or "" for one in found}


def _only_local(interfaces: str) -> bool:
    listed = words(interfaces)
    return bool(listed) and all(_LOCAL.fullmatch(one) for one in listed)
