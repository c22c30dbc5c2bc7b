"""One rendered file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from provisioner.platforms.record import Daemon


class Plane(StrEnum):
    """Which history a file belongs to.

    Configuration rolls back; the directory (users, passwords, aliases) never does:
    a rollback must not revive a removed user or a revoked password. Secrets that daemons use
    (the password of a relay) have no history at all.
    """

    CONFIGURATION = "configuration"
    DIRECTORY = "directory"
    SECRETS = "secrets"

    @property
    def changes_with(self) -> Plane:
        """With which of the first two a file of the plane is changed: a secret with the users."""
        return Plane.CONFIGURATION if self is Plane.CONFIGURATION else Plane.DIRECTORY


@dataclass(frozen=True)
class Artifact:
    """One file as it has to be on the host.

    path: absolute. owner, group: names on the host. mode: permission bits. secret:
    content is never shown. daemons: those whose reload makes a change effective.
    restart: a reload does not suffice. logins: it is a passwd-file, and who is no longer
    admitted by it is logged out. rank: the order in which the files of one service become live,
    low first (what main.cf names before main.cf). Services go in start order, whatever the rank.
    """

    path: str
    content: bytes = field(repr=False)
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    secret: bool = False
    plane: Plane = Plane.CONFIGURATION
    daemons: tuple[Daemon, ...] = ()
    restart: bool = False
    logins: bool = False
    rank: int = 50

    @cached_property
    def sha256(self) -> str:
        """The content's SHA-256, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class SealedArtifact(Artifact):
    """A secret that stays on the host: only its digest is known, and it is never written."""

    digest: str = ""

    @cached_property
    def sha256(self) -> str:
        """The content's SHA-256, as it was told."""
        return self.digest


def sealed(artifact: Artifact, digest: str) -> SealedArtifact:
    """Return the artifact as one whose content only the host has, with this digest."""
    return SealedArtifact(
        path=artifact.path,
        content=b"",
        owner=artifact.owner,
        group=artifact.group,
        mode=artifact.mode,
        secret=True,
        plane=artifact.plane,
        daemons=artifact.daemons,
        restart=artifact.restart,
        rank=artifact.rank,
        digest=digest,
    )
