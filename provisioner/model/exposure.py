"""What a hatch was found to open."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model.problems import KeyPath
from provisioner.model.site import Allowance


@dataclass(frozen=True, slots=True)
class Exposure:
    """Something unsafe that a hatch amounts to, at the key that does it.

    allowance: the wish that it is; None: no site may have it. got: what the key amounts to.
    want: what to set instead.
    """

    path: KeyPath
    allowance: Allowance | None
    summary: str
    got: str
    want: str
