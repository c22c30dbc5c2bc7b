"""From a host's introduction to its generation.

Two things about a host are known only there: what it runs, and which referenced
passwords it remembers. Everything else was known before any connection was made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.directory.inline import directory_of
from provisioner.facts.host import Introduction
from provisioner.model.names import HostRef, MailAddress
from provisioner.model.problems import KeyPath
from provisioner.model.secrets import DaemonSecrets, KnownCredential, PasswordHash, SiteSecrets
from provisioner.model.site import Host, Role, Site
from provisioner.plan.compile import (
    compile_generation,
    unread_secrets,
    with_kept_secrets,
)
from provisioner.plan.generation import Generation
from provisioner.platforms.record import Daemon, Platform
from provisioner.platforms.records import detect_platform, known_dialects, platform_named
from provisioner.render.nature import Nature
from provisioner.rooms.registry import room

Known = Mapping[MailAddress, KnownCredential]


@dataclass
class Compiler:
    """Compiles generations of one site.

    settle: turns what hosts remember of referenced passwords into what they shall
    remember; it knows the cleartexts, this class does not. notes: what it has to say of those
    that it could not read. tls_chain: the operator's
    own certificate and key, if the site has one. ahead: the name of a platform that the
    hosts do not run yet; generations are then compiled as if they did, to be shown.
    daemons: what the daemons themselves use, as far as it was read.
    """

    site: Site
    settle: Callable[[Known], Known]
    tls_chain: bytes | None = field(default=None, repr=False)
    notes: Callable[[Known], Iterable[str]] = field(default=lambda _: (), repr=False)
    ahead: str = ""
    daemons: DaemonSecrets = field(default_factory=DaemonSecrets, repr=False)
    _settled: dict[MailAddress, KnownCredential] = field(default_factory=dict, repr=False)
    _gained: dict[HostRef, frozenset[str]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def passes(self, host: HostRef, key: str) -> None:
        """Compile for a host from now on as behind this action or gate; see rooms/phase.py."""
        self._gained[host] = self._gained.get(host, frozenset()) | {key}

    def generation_for(self, host: Host, introduction: Introduction) -> Generation:
        """Return the host's generation; MailprovError (refused) if its system is unknown.

        Raises MailprovError (invalid site) for a daemon's secret that could not be read where
        the host does not have it either.
        """
        platform = self.platform_for(host, introduction)
        credentials: Known = {}
        notes: list[str] = []
        if Role.STORE in host.roles:
            credentials = self._credentials(introduction)
            notes = [f"{host.key}: {note}" for note in self.notes(credentials)]
        secrets = SiteSecrets(self._passwords(credentials), self.tls_chain, self.daemons)
        nature = Nature(
            platform,
            introduction.firewall,
            introduction.resolver_managers,
            introduction.passed | self._gained.get(host.ref, frozenset()),
        )
        generation = compile_generation(self.site, host, nature, secrets, credentials)
        unread = unread_secrets(generation)
        generation = with_kept_secrets(generation, introduction.left)
        notices = (
            *self._notices(host, platform, introduction),
            *notes,
            *self._secret_notices(host, unread, unread_secrets(generation)),
        )
        return replace(generation, notices=(*notices, *generation.notices))

    def _secret_notices(
        self, host: Host, unread: tuple[KeyPath, ...], lacking: tuple[KeyPath, ...]
    ) -> Iterator[str]:
        """Yield a note for each secret that stays as the host has it, because nobody read it."""
        missing = self.daemons.missing
        if refusals := [missing[place] for place in lacking if place in missing]:
            raise MailprovError(refusals, ExitCode.INVALID_SITE)
        for place in unread:
            if place in missing:
                yield f"{missing[place].summary}: {host.key} keeps its present secret"

    def platform_for(self, host: Host, introduction: Introduction) -> Platform:
        """Return what the host runs, or will; MailprovError (refused) if it is unknown."""
        if self.ahead:
            # Which versions come with it nobody can ask yet: the record's are the best guess.
            return platform_named(self.ahead)
        named = host.platform
        platform = platform_named(named) if named else _detected(host, introduction)
        return with_versions(host, platform, introduction)

    def _notices(self, host: Host, platform: Platform, introduction: Introduction) -> Iterator[str]:
        if self.ahead:
            yield f"{host.key}: {_as_if(platform, introduction)}"
        elif host.platform:
            with suppress(MailprovError):  # what is unknown is what the key is for
                found = detect_platform(introduction.os_release)
                if found.name != platform.name:
                    yield (
                        f"{host.key}: the site file sets `platform: {platform.name}`, "
                        f"but the host reports {found.title}: after an upgrade, change "
                        "or remove the key"
                    )

    def _credentials(self, introduction: Introduction) -> Known:
        # A hash has a random salt: within one run the same password gets the same one,
        # however often the host is observed.
        with self._lock:
            known = {**self._settled, **introduction.credentials}
            settled = self.settle(known)
            self._settled.update(settled)
            return settled

    def _passwords(self, credentials: Known) -> Mapping[MailAddress, PasswordHash]:
        given = directory_of(self.site).hashes()
        return {**given, **{address: known.hash for address, known in credentials.items()}}


def _detected(host: Host, introduction: Introduction) -> Platform:
    try:
        return detect_platform(introduction.os_release)
    except MailprovError as error:
        told = [replace(one, where=str(host.key)) for one in error.diagnostics]
        raise MailprovError(told, error.exit_code) from error


def with_versions(host: Host, platform: Platform, introduction: Introduction) -> Platform:
    """Return the platform with the daemons' versions and dialects that the host really has.

    Of what its vendor ported back the host's own word counts too, once it has the daemon.

    A dialect follows the version, whatever the distribution. Raises MailprovError (refused)
    for one that no record knows.
    """
    daemons = dict(platform.daemons)
    for name, record in platform.daemons.items():
        if version := introduction.versions.get(name):
            dialect = _dialect(host, platform, name, version) if record.dialect else ""
            back = tuple(sorted(introduction.parameters.intersection(room(name).ported_back)))
            known = {"version": version, "dialect": dialect, "ported_back": back}
            daemons[name] = record.model_copy(update=known)
    return platform.model_copy(update={"daemons": daemons})


def _dialect(host: Host, platform: Platform, daemon: Daemon, version: str) -> str:
    """Return the dialect of a version, which is its major and minor part: `2.4` of `2.4.1-4`."""
    dialect = ".".join(version.split(".")[:2])
    known = known_dialects(daemon)
    if dialect not in known:
        title = room(daemon).title
        raise MailprovError(
            Diagnostic(
                summary=f"mailprov does not support the configuration language of this {title}",
                where=str(host.key),
                got=f"{title} {version}",
                want=" or ".join(f"{title} {one}" for one in known)
                + f"; {platform.title} itself has {platform.daemons[daemon].version}",
                fix="use the release's own packages",
            ),
            ExitCode.REFUSED,
        )
    return dialect


def _as_if(ahead: Platform, introduction: Introduction) -> str:
    """Return in words what a plan is made for, and what the host runs instead."""
    versions = introduction.versions
    before = ", ".join(
        f"{room(name).title} {versions[name]}" for name in ahead.daemons if name in versions
    )
    after = ", ".join(
        f"{room(name).title} {record.version}" for name, record in ahead.daemons.items()
    )
    system = introduction.os_release.get("PRETTY_NAME") or "an unknown operating system"
    now = f"{system} ({before})" if before else system
    return f"planned as if it ran {ahead.title} ({after}); it runs {now}"
