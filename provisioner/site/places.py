"""From key paths to places: problems become diagnostics with file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from provisioner.diagnostics import Diagnostic, quoted
from provisioner.model.names import DomainName, Mailbox
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.values import InvalidValueError
from provisioner.site.nodes import Mark, YamlMap, find_spot
from provisioner.site.yaml_reader import YamlProblem, read_yaml
from provisioner.site.yaml_text import MAX_OCTETS, decode_text

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
        shown.append(Diagnostic(summary=f"and {len(ordered) - _MOST} more errors", where=name))
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
    written = (
        replace(one, path=path) for one, path in zip(listed, _as_written(listed, tree), strict=True)
    )
    return in_order((told_by_model(problem, tree) for problem in written), str(path), prefix)


def _as_written(problems: Iterable[SiteProblem], top: YamlMap) -> Iterator[KeyPath]:
    """Yield the path of each problem with the user as the file spells it.

    Once a site is resolved a user is an address in canonical form: a bare name has got its
    domain, upper case is gone, and other letters are A-labels.
    """
    keys: dict[str, str] | None = None
    for problem in problems:
        if problem.path[:1] == ("users",) and len(problem.path) > 1:
            keys = _user_keys(top) if keys is None else keys
            name = str(problem.path[1])
            yield ("users", keys.get(name, name), *problem.path[2:])
        else:
            yield problem.path


def _user_keys(top: YamlMap) -> dict[str, str]:
    domain, users = top.get("domain"), top.get("users")
    if not isinstance(domain, str) or not isinstance(users, YamlMap):
        return {}
    try:
        primary = DomainName.parse(domain)
        return {str(Mailbox.parse(key).at(primary)): key for key in users}
    except InvalidValueError:
        return {}  # the file has changed since it was loaded
