"""From key paths to places: problems become diagnostics with file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from provisioner.diagnostics import Diagnostic, quoted
from provisioner.inventory.nodes import Mark, YamlMap, find_spot
from provisioner.inventory.yaml_reader import YamlProblem, read_yaml
from provisioner.inventory.yaml_text import MAX_OCTETS, decode_text
from provisioner.model.problems import KeyPath, SiteProblem

_STEPS = 8
_STEP_LENGTH = 40
_PLAIN_STEP = re.compile(rf"[\w-]{{1,{_STEP_LENGTH}}}")
_SECRET_KEYS = frozenset({"password", "become_password"})
_REFERENCE_KEYS = frozenset({"env", "file", "command"})

_MOST = 1000
"""Mistakes shown at once; a file with more is another file than its writer thinks."""

Told = tuple[Mark, Diagnostic]


def told_by_yaml(problem: YamlProblem) -> Told:
    """Return the place of a problem that the YAML reader found, and its diagnostic."""
    summary = _with_path(problem.path, problem.summary)
    return problem.mark, Diagnostic(
        summary=summary, got=problem.got, want=problem.want, fix=problem.fix
    )


def told_by_model(problem: SiteProblem, top: YamlMap) -> Told:
    """Return the place of a problem that the model found, and its diagnostic."""
    spot = find_spot(top, problem.path, at_key=problem.at_key)
    return spot.mark, Diagnostic(
        summary=_with_path(spot.path, problem.summary),
        got=problem.got,
        want=problem.want,
        fix=problem.fix,
    )


def is_about(path: KeyPath, diagnostic: Diagnostic) -> bool:
    """Tell whether a diagnostic that was made here is about a key or what is below it."""
    words = _with_path(path, "").removesuffix(": ")
    return diagnostic.summary.startswith((f"{words}: ", f"{words}."))


def _with_path(path: KeyPath, summary: str) -> str:
    steps: list[str] = []
    for step in path:
        if steps and steps[-1] in _SECRET_KEYS and step not in _REFERENCE_KEYS:
            break  # a key below a password may be the password
        if len(steps) == _STEPS:
            steps.append("…")
            break
        text = str(step)
        steps.append(text if _PLAIN_STEP.fullmatch(text) else quoted(text, _STEP_LENGTH))
    return f"{'.'.join(steps)}: {summary}" if steps else summary


def in_order(told: Iterable[Told], name: str, prefix: str = "") -> tuple[Diagnostic, ...]:
    """Return diagnostics in the order of the file, each once, with their places in it."""
    ordered = sorted(told, key=lambda one: one[0])
    shown = [
        Diagnostic(
            summary=prefix + diagnostic.summary,
            where=f"{name}:{mark.line}:{mark.column}",
            got=diagnostic.got,
            want=diagnostic.want,
            fix=diagnostic.fix,
        )
        for mark, diagnostic in ordered[:_MOST]
    ]
    if len(ordered) > _MOST:
        shown.append(Diagnostic(summary=f"and {len(ordered) - _MOST} more like these", where=name))
    return tuple(dict.fromkeys(shown))


def place_problems(
    path: Path, problems: Iterable[SiteProblem], prefix: str = ""
) -> tuple[Diagnostic, ...]:
    """Return diagnostics for problems found after the file was loaded.

    The file is read again for its places; where it has become unreadable since, they
    are told without.
    """
    listed = list(problems)
    if not listed:
        return ()
    top = None
    try:
        with path.open("rb") as file:
            text, unfit = decode_text(file.read(MAX_OCTETS + 1), str(path))
        top = None if unfit else read_yaml(text).top
    except OSError:
        pass
    tree = YamlMap() if top is None else top
    return in_order((told_by_model(problem, tree) for problem in listed), str(path), prefix)
