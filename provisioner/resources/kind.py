"""What a kind of resource is: all that plan, transaction and listing ask about one.

A kind is a module of this folder with `KIND`. It has what the resource is, which facts of a host
it reads, which changes make the one of the other, and the steps that carry a change out.
plan/diff.py and plan/transaction.py have the order and the frame, and name no kind.

A kind says by protocols of its own what it asks of a generation, of a host's introduction and
of its facts, which are made above this layer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Generic, TypeVar

from provisioner.platforms.record import Daemon
from provisioner.probes.hosts import FileProblem
from provisioner.render.artifact import Plane
from provisioner.render.shards import Shards
from provisioner.resources.change import Change, Drift

Wanted = TypeVar("Wanted")
Introduced = TypeVar("Introduced")
Observed = TypeVar("Observed")

Row = tuple[str, ...]
"""Fields of a row: of what is asked of a host, or of a transaction."""

Compared = tuple[str, tuple[FileProblem, ...]]
"""A path or name, and every way in which it is not as it was written."""

Readers = frozenset[Daemon] | None
"""The daemons that read something; None where that is not known."""


class Turn(IntEnum):
    """When in a transaction a change has its turn.

    Accounts come before the files that they own, and users' files, which no daemon has to be
    told of, before the daemons that will read them. Then comes each service with its files, in
    start order, and what no service reads. At last services retire, and files go.
    """

    PACKAGES = 1
    GROUPS = 2
    ACCOUNTS = 3
    FOLDERS = 4
    MADE = 5
    USERS = 6
    SERVICES = 7
    REST = 8
    RETIRING = 9
    REMOVING = 10


@dataclass(frozen=True)
class Due:
    """A change, and when it has its turn; place: which is before which in one turn."""

    change: Change
    turn: Turn
    place: tuple[int, ...] = ()


@dataclass
class Packing(Generic[Wanted]):
    """The archive of a transaction while it is filled.

    wanted: the generation. shards: of each table, those that change. leaving: secrets that go
    once the configuration is confirmed. contents: what the archive has as `files/N`.
    """

    wanted: Wanted
    shards: Mapping[str, Shards] = field(default_factory=dict)
    leaving: Collection[str] = ()
    contents: list[bytes | Shards] = field(default_factory=list)

    def put(self, content: bytes | Shards) -> str:
        """Take a content in, and return the number by which a row names it."""
        self.contents.append(content)
        return str(len(self.contents) - 1)


class ResourceKind(Generic[Wanted, Introduced, Observed]):
    """A kind of resource; a kind overrides what is not nothing.

    name: the module's. words: what plans call it, and its parts. turn: when most of its changes
    have their turn, and its place in a listing. on_files: its steps come after new files lie
    beside their places. drifts_by_name: a drift of that name is one of this kind's.
    """

    name: ClassVar[str]
    words: ClassVar[tuple[str, ...]]
    turn: ClassVar[Turn]
    on_files: ClassVar[bool] = True
    drifts_by_name: ClassVar[bool] = False

    def asked(self, wanted: Wanted, introduction: Introduced) -> Iterator[Row]:
        """Yield the rows that have a host tell the facts that this kind reads."""
        del wanted, introduction
        yield from ()

    def changes(self, wanted: Wanted, facts: Observed) -> Iterator[Due]:
        """Yield what makes a host with these facts the wanted one.

        Raises MailprovError (refused) where what is somebody else's is in the way.
        """
        del wanted, facts
        yield from ()

    def drifts(self, wanted: Wanted, facts: Observed) -> Iterator[Drift]:
        """Yield what somebody else changed since the last transaction; of files, plan/drift.py."""
        del wanted, facts
        yield from ()

    def compared(self, wanted: Wanted, facts: Observed) -> Iterator[Compared]:
        """Yield each resource that `verify` looks at; of files and folders, plan/comparison.py."""
        del wanted, facts
        yield from ()

    def has(self, change: Change, wanted: Wanted) -> bool:
        """Tell whether a change is one of this kind's."""
        del wanted
        return change.kind in self.words

    def declared(self, change: Change, packing: Packing[Wanted]) -> Iterator[Row]:
        """Yield the rows that have to be known before anything is done."""
        del change, packing
        yield from ()

    def steps(self, change: Change, packing: Packing[Wanted]) -> Iterator[Row]:
        """Yield the steps that carry a change out, without the plane."""
        del change, packing
        yield from ()

    def remembered(self, wanted: Wanted, plane: Plane) -> Iterator[Row]:
        """Yield what a host remembers of a plane beside files, a row each."""
        del wanted, plane
        yield from ()

    def listed(self, wanted: Wanted) -> Iterator[str]:
        """Yield a line for each resource that a tree of files cannot show."""
        del wanted
        yield from ()

    def undone(self, change: Change) -> Iterator[str]:
        """Yield the paths that come back as they were, unless the change is confirmed."""
        del change
        yield from ()

    def seen(self, change: Change, facts: Observed) -> Iterator[tuple[str, str]]:
        """Yield paths that a change replaces or removes, or names, and what was observed there.

        Of a file that is a digest, `link`, `other`, or `-` for nothing. The transaction is refused
        where something else is there by then.
        """
        del change, facts
        yield from ()

    def readers(self, change: Change, wanted: Wanted) -> Readers:
        """Return which daemons read what a change brings, so that their checkers have to look."""
        del change, wanted
        return frozenset()

    def reshaped(self, change: Change, wanted: Wanted) -> Change:
        """Return a change as it is where users' files and configuration have to change at once."""
        del wanted
        return change
