"""Packages: those that a host needs, by the names that its package manager knows.

They are installed before the transaction, in a step of their own, because package managers have
no way back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from provisioner.remote.protocol import Answer, Asked, Section, each, fields
from provisioner.resources.change import Action, Change
from provisioner.resources.kind import Due, ResourceKind, Row, Turn


class WithPackages(Protocol):
    """A generation, as far as its packages go."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that have to be installed."""


class PackagesSeen(Protocol):
    """Facts of packages."""

    @property
    def packages(self) -> frozenset[str]:
        """Those asked for that are installed."""


def read_packages(told: Answer) -> frozenset[str]:
    """Return the packages that a host has installed; MalformedError for another form."""
    lines = filter(None, told.lines(Section.PACKAGES))
    rows = each(Section.PACKAGES, lines, lambda row: fields(row, 2))
    return frozenset(name for name, status in rows if status == "installed")


class PackageKind(ResourceKind[WithPackages, object, PackagesSeen]):
    """A package is there or not; its version is the host's affair."""

    name = "package"
    words = ("package",)
    turn = Turn.PACKAGES
    on_files = False

    def asked(self, wanted: WithPackages, introduction: object) -> Iterator[Row]:
        """Ask for each by its name."""
        del introduction
        yield from ((Asked.PACKAGE, name) for name in wanted.packages)

    def changes(self, wanted: WithPackages, facts: PackagesSeen) -> Iterator[Due]:
        """Yield those that are missing."""
        for name in wanted.packages:
            if name not in facts.packages:
                change = Change(self.name, name, Action.INSTALL, "not installed")
                yield Due(change, self.turn)

    def listed(self, wanted: WithPackages) -> Iterator[str]:
        """Yield them by name."""
        yield from (f"package {name}" for name in wanted.packages)


KIND = PackageKind()
