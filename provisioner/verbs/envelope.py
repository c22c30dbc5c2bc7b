"""Who writes to whom, and through which door the message goes in.

Pure: from the site and what a person typed to a sender, recipients and a service. What
cannot work is told before anything is connected, as wrong usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.directory.inline import directory_of
from provisioner.model.names import MailAddress
from provisioner.model.services import SMTP_PORT, SUBMISSION_PORT, Service, mail_services_of
from provisioner.model.site import Host, Role, Site, User
from provisioner.model.values import InvalidValueError

_NAMES_SHOWN = 8


@dataclass(frozen=True)
class Sender:
    """The address in MAIL FROM, and who logs in; None: the mail comes in as from outside."""

    address: MailAddress
    user: User | None


@dataclass(frozen=True)
class Door:
    """Where the message goes in."""

    host: Host
    service: Service


def find_address(site: Site, text: str, option: str) -> MailAddress:
    """Return the address that was typed: a bare local part is of the primary domain.

    option: the one it was typed with. Raises MailprovError (usage).
    """
    try:
        return MailAddress.parse_foreign(text if "@" in text else f"{text}@{site.domain}")
    except InvalidValueError as problem:
        raise _usage(
            f"{option}: {problem.summary}", got=quoted(text), want=problem.want, fix=problem.fix
        ) from problem


def find_sender(site: Site, text: str, login: str | None) -> Sender:
    """Return the sender that was typed and whoever logs in for it.

    login: a user who shall log in whatever the address, None: who may send as it; without
    one, an address of another domain comes in as from outside. Raises MailprovError.
    """
    address = find_address(site, text, "--from")
    if login is not None:
        return Sender(address, _enabled(_user(site, login), "--login"))
    directory = directory_of(site)
    if not directory.is_own(address):
        return Sender(address, None)
    plain = plain_address(address)
    if user := directory.user(plain):
        return Sender(address, _enabled(user, "--from"))
    owners = [user for user in owners_of(site, plain) if user.enabled]
    if len(owners) == 1:
        return Sender(address, owners[0])
    if owners:
        raise _usage(
            "several users may send as this alias",
            got=quoted(text),
            want=f"--login {' or '.join(user.address for user in owners)}",
            fix="name the sending user with --login",
        )
    raise _usage(
        "no user of the site may send as this address",
        got=quoted(text),
        want=f"a user, or an alias that leads to one: {_names(site)}",
        fix="correct --from, or name a user with --login",
    )


def find_door(site: Site, sender: Sender, recipients: Sequence[str], port: int | None) -> Door:
    """Return where a mail client, or for a sender from outside another server, would go.

    port: the one that was asked for. Raises MailprovError (usage) if the site has no such.
    """
    if sender.user is None:
        if port not in {None, SMTP_PORT}:
            raise _usage(
                "a sender from outside uses port 25, without a login",
                got=f"--port {port}",
                fix="remove --port, or name the sending user with --login",
            )
        return _exchanger(site, recipients)
    host = site.hosts_with(Role.SUBMISSION)[0]
    open_ports = {service.port: service for service in _submission(site, host)}
    wanted = port if port is not None else _usual(open_ports)
    if wanted not in open_ports:
        raise _usage(
            "the site accepts no submission on this port",
            got=f"--port {port}",
            want=f"one of {', '.join(map(str, sorted(open_ports)))}",
            fix="choose one of submission.ports in the site file",
        )
    return Door(host, open_ports[wanted])


def owners_of(site: Site, address: MailAddress) -> tuple[User, ...]:
    """Return the users who may send as an address."""
    directory = directory_of(site)
    owners = map(directory.user, directory.owners_of(address))
    return tuple(user for user in owners if user)


def plain_address(address: str) -> MailAddress:
    """Return an address in lower case and without its detail, as the site's tables have it."""
    return MailAddress(address.lower()).base


def _submission(site: Site, host: Host) -> list[Service]:
    return [each for each in mail_services_of(site, host) if each.protocol == "smtp" and each.login]


def _usual(ports: dict[int, Service]) -> int:
    return SUBMISSION_PORT if SUBMISSION_PORT in ports else min(ports)


def _exchanger(site: Site, recipients: Sequence[str]) -> Door:
    """Return port 25 of the first exchanger of the first recipient's domain.

    For a recipient elsewhere it is the site's own: whether that relays is the question then.
    """
    is_own = directory_of(site).is_own
    own = [address.rpartition("@")[2] for address in recipients if is_own(address)]
    name = own[0] if own else site.domain
    domain = next(domain for domain in site.domains if domain.name == name)
    first = min(domain.mx, key=lambda mx: mx.preference)
    host = site.host(first.host)
    service = next(each for each in mail_services_of(site, host) if each.port == SMTP_PORT)
    return Door(host, service)


def _user(site: Site, text: str) -> User:
    address = plain_address(find_address(site, text, "--login"))
    if user := directory_of(site).user(address):
        return user
    raise _usage(
        "--login names no user of the site",
        got=quoted(text),
        want=f"one of {_names(site)}",
        fix="name a user; an alias has no password",
    )


def _enabled(user: User, option: str) -> User:
    if user.enabled:
        return user
    raise _usage(
        "this user is disabled and cannot log in",
        got=f"{option} {user.address}",
        fix="let another user send; disabled users only receive",
    )


def _names(site: Site) -> str:
    names = [user.address for user in directory_of(site).users if user.enabled]
    return ", ".join(names[:_NAMES_SHOWN]) + (" …" if len(names) > _NAMES_SHOWN else "")


def _usage(summary: str, *, got: str, want: str = "", fix: str = "") -> MailprovError:
    return MailprovError(Diagnostic(summary, got=got, want=want, fix=fix), ExitCode.USAGE)
