"""The form of a rule, and of what a daemon's room says of its own words in a site file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Never

from provisioner.model.exposure import Exposure
from provisioner.model.problems import KeyPath, SiteProblem

if TYPE_CHECKING:
    from provisioner.model.reading import Reading


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule and the sections of the file that it reads."""

    judge: Callable[[Reading], Iterator[SiteProblem]]
    sections: frozenset[str]


def rule(judge: Callable[[Reading], Iterator[SiteProblem]], *sections: str) -> Rule:
    """Return the rule that reads these sections."""
    return Rule(judge, frozenset(sections))


def _nothing(reading: Reading) -> Iterator[Never]:
    del reading
    yield from ()


def _never(name: str) -> bool:
    del name
    return False


@dataclass(frozen=True, slots=True)
class HatchText:
    """A value in a daemon's own words: its place, the name that it is for, and itself.

    The value may be a `HeldSecret`.
    """

    path: KeyPath
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HeldRules:
    """Where a secret may stand in a daemon's own words, and how to help who wrote one.

    want: where the daemon reads one from a file of its own. allowed: whether it does under a
    name. way_out: what to do with one under a name. public: names whose values are no secret to
    anybody. in_address: a password before a host's name is one in this daemon's language.
    """

    want: str = "no secret"
    allowed: Callable[[str], bool] = _never
    way_out: Callable[[str], str] = lambda name: f"name a file of your own that holds {name}"
    public: frozenset[str] = frozenset()
    in_address: bool = True


@dataclass(frozen=True, slots=True)
class HatchRules:
    """What a site file may say in a daemon's own words.

    section: the file's own for the daemon. exposures: what of it is unsafe, allowed or not.
    rules: what is no valid value. warnings: what is valid and worth a second look. values: each
    text in it. held: where a secret may stand.
    """

    section: str = ""
    exposures: Callable[[Reading], Iterator[Exposure]] = _nothing
    rules: tuple[Rule, ...] = ()
    warnings: Callable[[Reading], Iterator[SiteProblem]] = _nothing
    values: Callable[[Reading], Iterator[HatchText]] = _nothing
    held: HeldRules = HeldRules()
