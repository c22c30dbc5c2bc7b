"""What is known of a file on a host: as it is, and as the last transaction left it.

Several kinds read this: files and tables, folders, and what the host makes itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from provisioner.render.artifact import Artifact, Plane


@dataclass(frozen=True)
class LeftFile:
    """A managed file as the last transaction left it; mode: permission bits."""

    plane: Plane
    sha256: str
    owner: str
    group: str
    mode: int
    secret: bool


def left_by(artifact: Artifact) -> LeftFile:
    """Return the state in which a transaction leaves the artifact's file."""
    return LeftFile(
        artifact.plane,
        artifact.sha256,
        artifact.owner,
        artifact.group,
        artifact.mode,
        artifact.secret,
    )


class TableFlaw(StrEnum):
    """What is wrong with a table in shards, whatever its rows are.

    Unfinished: a change broke off, and goes on with the next. Derived: what the daemons read
    is not what the shards say, or can be read by others. Foreign: Postfix's part of that is of a
    type that another release has.
    """

    UNFINISHED = "unfinished"
    DERIVED = "derived"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class TableState:
    """What a table in shards has beyond a file.

    digests: how each shard's digest begins; only where the table differs from what was asked
    for. edited: shards that are not as they were left, some of them.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    edited: tuple[str, ...] = ()
    flaw: TableFlaw | None = None


@dataclass(frozen=True)
class FileState:
    """A file or directory as it is, or a table in shards (its folder, and the root of digests).

    mode: permission bits. content: only where it differs from what was asked for, is
    not secret, and is small enough to show.
    """

    kind: str
    owner: str
    group: str
    mode: int
    sha256: str | None = None
    content: bytes | None = field(default=None, repr=False)
    table: TableState | None = None

    @property
    def is_regular(self) -> bool:
        """Whether it is a file or a table, not a directory, a link or a device."""
        return self.table is not None or self.kind in {"regular file", "regular empty file"}

    @property
    def as_seen(self) -> str:
        """What a transaction has to find there still: a digest, `link` or `other`."""
        if self.kind == "symbolic link":
            return "link"
        return self.sha256 if self.is_regular and self.sha256 else "other"


class FilesSeen(Protocol):
    """Facts of files."""

    @property
    def files(self) -> Mapping[str, FileState]:
        """What lies at each path that was asked for."""


class LeftFiles(Protocol):
    """A host's introduction, as far as files go."""

    @property
    def left(self) -> Mapping[str, LeftFile]:
        """The files of the last transaction, as it left them, by path."""

    @property
    def managed_files(self) -> frozenset[str]:
        """The paths of these."""
