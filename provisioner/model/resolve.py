"""From what was written to what it means: `SiteFile` in, `Site` out.

The rules are judged first; resolution itself cannot fail on a file that keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from provisioner.model.file.dns import WrittenDns
from provisioner.model.file.relay import WrittenRelay
from provisioner.model.file.services import WrittenTls
from provisioner.model.file.written import Written
from provisioner.model.names import DomainName, HostKey
from provisioner.model.problems import InvalidSiteError
from provisioner.model.reading import Reading
from provisioner.model.records import parse_record_data
from provisioner.model.rules import judge_site
from provisioner.model.rules.relay import RELAY_PORTS
from provisioner.model.services import IMPLICIT_TLS_PORTS
from provisioner.model.site import (
    AccountKind,
    Accounts,
    Alias,
    Dns,
    DnsRecord,
    ForwardServer,
    ForwardZone,
    Frozen,
    Host,
    Imap,
    MailDomain,
    Mx,
    Networks,
    Pop3,
    PostfixExtra,
    Relay,
    Site,
    SshAccess,
    Submission,
    TlsFiles,
    User,
)
from provisioner.model.site_file import SiteFile

Service = TypeVar("Service", bound=Frozen)


def resolve_site(reading: Reading) -> Site:
    """Return the site; InvalidSiteError with every rule that the file breaks."""
    file = reading.file
    problems = judge_site(reading)
    if problems:
        raise InvalidSiteError(problems)
    return Site(
        domain=file.domain,
        hosts=tuple(_host(reading, key) for key in file.hosts),
        domains=_domains(reading),
        users=_users(reading),
        aliases=_aliases(reading),
        accounts=_accounts(reading),
        networks=Networks(trusted=reading.trusted, resolver=reading.resolver),
        dns=_dns(reading, file.dns or WrittenDns()),
        tls=_tls(file),
        submission=_service(Submission(), file.submission, file.tls),
        imap=_service(Imap(), file.imap, file.tls),
        pop3=_service(Pop3(), file.pop3, file.tls),
        **({} if file.queue_warning is None else {"queue_warning": file.queue_warning}),
        relay=_relay(file.relay),
        allow_insecure=dict(file.allow_insecure),
        postfix=_postfix(file),
        dovecot={version: dict(settings) for version, settings in file.dovecot.items()},
        unbound=_unbound(file),
    )


def _host(reading: Reading, key: HostKey) -> Host:
    written = reading.file.hosts[key]
    ssh = _given(written.ssh)
    return Host(
        site=reading.file.domain,
        key=key,
        fqdn=reading.fqdn(key),
        addresses=written.address,
        roles=reading.roles(key),
        connection=written.connection,
        ssh=SshAccess(**ssh),
        platform=written.platform,
        public_addresses=written.public_address or (),
        keeps_resolver=written.resolv_conf == "keep",
    )


def _domains(reading: Reading) -> tuple[MailDomain, ...]:
    file = reading.file
    written = {file.domain: file.mx, **{key.name: one.mx for key, one in file.domains.items()}}
    return tuple(
        MailDomain(
            name=name,
            mx=tuple(
                Mx(host=key, fqdn=reading.fqdn(key), preference=preference)
                for key, preference in reading.preferences(mx)
            ),
        )
        for name, mx in written.items()
    )


def _users(reading: Reading) -> tuple[User, ...]:
    return tuple(
        User(reading.addresses[key], user.password, user.name, user.enabled, user.store)
        for key, user in reading.file.users.items()
    )


def _aliases(reading: Reading) -> tuple[Alias, ...]:
    written = tuple(
        Alias(alias.source, tuple(dict.fromkeys(address for _, address in alias.targets)))
        for alias in reading.aliases
    )
    implied = tuple(
        Alias(source=source, targets=(reading.implied_target(source),), implied=True)
        for source in reading.implied_aliases
    )
    return written + implied


def _accounts(reading: Reading) -> Accounts:
    written = reading.file.accounts
    kind = AccountKind.SYSTEM if reading.system_accounts else AccountKind.VIRTUAL
    group = "mailusers" if reading.system_accounts else "vmail"
    if written is None:
        return Accounts(kind=kind, group=group)
    given: dict[str, object] = {"kind": kind, "group": written.group or group}
    if written.shell is not None:
        given["shell"] = written.shell
    if written.mailbox is not None:
        given["mailbox_format"], _, place = written.mailbox.partition(":")
        given["mailbox"] = place.removeprefix("~/")
    return Accounts.model_validate(given)


def _dns(reading: Reading, written: WrittenDns) -> Dns:
    return Dns(
        forward=tuple(
            ForwardZone(
                zone=zone.canonical,
                servers=tuple(
                    ForwardServer(
                        address=server.address,
                        port=server.asked_port,
                        tls_name=server.tls_name,
                    )
                    for server in servers
                ),
            )
            for zone, servers in written.forward.items()
        ),
        insecure=tuple(dict.fromkeys(zone.canonical for zone in written.insecure)),
        records=tuple(
            DnsRecord(
                owner=DomainName(owner.within(reading.domains)),
                type=rtype,
                data=parse_record_data(rtype, data, reading.file.domain),
            )
            for owner, by_type in written.records.items()
            for rtype, values in by_type.items()
            for data in values
        ),
        zone_type=written.zone_type,
    )


def _tls(file: SiteFile) -> Literal["self-signed", "none"] | TlsFiles:
    if isinstance(file.tls, WrittenTls):
        return TlsFiles(certificate=file.tls.files.certificate, key=file.tls.files.key)
    return file.tls or "self-signed"


def _service(default: Service, written: Written | None, tls: object) -> Service:
    given = _given(written)
    if "ports" in given:
        given["ports"] = frozenset(given["ports"])
    elif tls == "none":
        given["ports"] = getattr(default, "ports") - IMPLICIT_TLS_PORTS  # noqa: B009 every service has ports
    return type(default).model_validate(given)


def _relay(written: WrittenRelay | None) -> Relay | None:
    if written is None:
        return None
    return Relay.model_validate({"port": RELAY_PORTS[written.tls], **_given(written)})


def _given(written: Written | None) -> dict[str, Any]:
    """Return the keys that somebody wrote, so that a `Site`'s own defaults fill the rest."""
    return {name: value for name, value in written or () if value is not None}


def _postfix(file: SiteFile) -> PostfixExtra:
    written = file.postfix
    if written is None:
        return PostfixExtra()
    master = {service: dict(options) for service, options in written.master.items()}
    return PostfixExtra(main=dict(written.main), master=master)


def _unbound(file: SiteFile) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    if file.unbound is None or not file.unbound.server:
        return {}
    options = file.unbound.server
    return {"server": {key: () if values == ("",) else values for key, values in options.items()}}
