"""What a room adds to a run beside transactions: actions of the whole site, and gates.

A room yields them in their order (`Behaviour.phases`), and renders its host differently before and
after one of them: `phase.key in carrier.nature.passed`. A host remembers with its configuration
which of them are behind it, so that a rollback to a configuration is one to its phase as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from provisioner.probes.question import Question


@dataclass(frozen=True, kw_only=True)
class SitePhase:
    """A part of a run that is about the site, and that a host remembers once it is behind it.

    id: stable, `theme.detail`. text: what is done or asked, for a person. about: everything that
    makes this phase another one if it changes, such as the record that is published; no
    secret, and no wording.
    """

    id: str
    text: str
    about: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        """The digest by which hosts remember it: sixteen hexadecimal digits."""
        return hashlib.sha256(json.dumps([self.id, *self.about]).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class SiteAction(SitePhase):
    """Something that is done once for the site, by a program on one of the hosts that name it.

    It bears being repeated: what a host could not remember is done again. program: POSIX shell,
    run as root; everybody may read it, as its arguments. stdin: secrets go there.
    """

    program: str
    arguments: tuple[str, ...] = ()
    stdin: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class Gate(SitePhase):
    """Questions that all have to be answered well before the run goes on; none may be skipped.

    again: after which time asking once more makes sense, such as the TTL of a record.
    """

    questions: tuple[Question[Any], ...]
    again: timedelta


Phases = tuple[tuple[SitePhase, ...], ...]
"""The phases of a host, a row for each of its rooms."""


def passed_of(phases: Phases, remembered: Collection[str]) -> tuple[str, ...]:
    """Return the keys of those phases that are remembered; what no room names any more goes."""
    return tuple(sorted({one.key for row in phases for one in row}.intersection(remembered)))


def ahead_of(phases: Iterable[Iterable[SitePhase]], passed: Collection[str]) -> Phases:
    """Return what of the phases is still to come; a row that is through is left out."""
    left = (tuple(one for one in row if one.key not in passed) for row in phases)
    return tuple(row for row in left if row)
