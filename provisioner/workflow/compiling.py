"""From a host's introduction to its generation.

Two things about a host are known only there: what it runs, and which referenced
passwords it remembers. Everything else was known before any connection was made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash, SiteSecrets
from provisioner.model.site import Host, Role, Site
from provisioner.plan.compile import compile_generation
from provisioner.plan.facts import Introduction
from provisioner.plan.generation import Generation
from provisioner.platforms.record import Platform
from provisioner.platforms.records import detect_platform, platform_named

Known = Mapping[MailAddress, KnownCredential]


@dataclass
class Compiler:
    """Compiles generations of one site.

    settle: turns what hosts remember of referenced passwords into what they shall
    remember; it knows the cleartexts, this class does not. tls_chain: the operator's
    own certificate and key, if the site has one.
    """

    site: Site
    settle: Callable[[Known], Known]
    tls_chain: bytes | None = field(default=None, repr=False)
    _settled: dict[MailAddress, KnownCredential] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def generation_for(self, host: Host, introduction: Introduction) -> Generation:
        """Return the host's generation; MailprovError (refused) if its system is unknown."""
        platform = self.platform_for(host, introduction)
        credentials: Known = {}
        if Role.STORE in host.roles:
            credentials = self._credentials(introduction)
        secrets = SiteSecrets(self._passwords(credentials), self.tls_chain)
        return compile_generation(self.site, host, platform, secrets, credentials)

    def platform_for(self, host: Host, introduction: Introduction) -> Platform:
        """Return what the host runs; MailprovError (refused) if it is unknown."""
        if host.platform:
            platform = platform_named(host.platform)
        else:
            platform = detect_platform(introduction.os_release)
        return with_versions(host, platform, introduction.versions)

    def _credentials(self, introduction: Introduction) -> Known:
        # A hash has a random salt: within one run the same password gets the same one,
        # however often the host is observed.
        with self._lock:
            known = {**self._settled, **introduction.credentials}
            settled = self.settle(known)
            self._settled.update(settled)
            return settled

    def _passwords(self, credentials: Known) -> Mapping[MailAddress, PasswordHash]:
        given = {
            user.address: user.password
            for user in self.site.users
            if isinstance(user.password, PasswordHash)
        }
        return given | {address: known.hash for address, known in credentials.items()}


def with_versions(host: Host, platform: Platform, versions: Mapping[str, str]) -> Platform:
    """Return the platform with the daemons' versions that the host really has.

    Raises MailprovError (refused) where a daemon speaks another dialect than the record.
    """
    daemons = dict(platform.daemons)
    for name, record in platform.daemons.items():
        version = versions.get(name)
        if not version:
            continue
        if name == "dovecot" and not version.startswith(f"{record.dialect}."):
            raise MailprovError(
                Diagnostic(
                    summary="this Dovecot speaks a language that is not supported yet",
                    where=str(host.key),
                    got=f"Dovecot {version}",
                    want=f"Dovecot {record.dialect}, as {platform.title} has it",
                    fix="use the release's own packages",
                ),
                ExitCode.REFUSED,
            )
        daemons[name] = record.model_copy(update={"version": version})
    return platform.model_copy(update={"daemons": daemons})
