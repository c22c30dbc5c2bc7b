"""The kinds of resources, found by looking for them: a new kind is a new module, and no list."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

from provisioner.resources.change import Change
from provisioner.resources.kind import ResourceKind

Kind = ResourceKind[Any, Any, Any]

# By name, so that nothing but looking finds a kind.
_FOLDER = "provisioner.resources"


@cache
def kinds() -> tuple[Kind, ...]:
    """Return every kind in the order of their turns."""
    found = filter(None, map(_kind, _modules()))
    return tuple(sorted(found, key=lambda kind: (kind.turn, kind.name)))


def kind_of(change: Change, wanted: object) -> Kind:
    """Return whose change it is, in a plan towards what is wanted; LookupError if nobody's."""
    for kind in kinds():
        if kind.has(change, wanted):
            return kind
    raise LookupError(f"no kind of resource has the change {change.kind} {change.name}")


def _modules() -> list[str]:
    return sorted(one.name for one in pkgutil.iter_modules(import_module(_FOLDER).__path__))


def _kind(module: str) -> Kind | None:
    made = getattr(import_module(f"{_FOLDER}.{module}"), "KIND", None)
    if made is not None and not (isinstance(made, ResourceKind) and made.name == module):
        raise TypeError(f"{_FOLDER}.{module}.KIND is not the kind {module}")
    return made
