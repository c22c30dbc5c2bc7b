"""Drift: what somebody else did to what mailprov manages since the last transaction.

Three states of a file meet here: what the last transaction left, what is on the host
now, and what the site wants. A file that is not as it was left has drifted, unless it
is what the site wants anyway: then there is nothing to decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from provisioner.facts.host import Facts
from provisioner.plan.generation import Generation
from provisioner.probes.hosts import FileProblem
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.resources.change import Drift
from provisioner.resources.file_problems import (
    file_problems,
    in_words,
    ownership_problems,
    unified_diff,
)
from provisioner.resources.file_state import FileState, LeftFile, TableFlaw, TableState
from provisioner.resources.registry import kinds


def find_drift(generation: Generation, facts: Facts) -> dict[str, Drift]:
    """Return what drifted, by path or name: files, and what other kinds tell of."""
    drifts = [*_drifts(generation, facts)]
    for kind in kinds():
        drifts += kind.drifts(generation, facts)
    return {drift.path: drift for drift in drifts}


def without_drift(generation: Generation, facts: Facts, drifted: frozenset[str]) -> Facts:
    """Return the facts as if the files that drifted were what the site wants.

    A plan made of these leaves the files alone.
    """
    files = dict(facts.files)
    wanted = {artifact.path: artifact for artifact in generation.artifacts}
    for path in drifted & wanted.keys():
        artifact = wanted[path]
        table = TableState() if isinstance(artifact, ShardedTable) else None
        files[path] = FileState(
            "regular file",
            artifact.owner,
            artifact.group,
            artifact.mode,
            artifact.sha256,
            table=table,
        )
    stale = drifted - wanted.keys()
    left = {path: file for path, file in facts.introduction.left.items() if path not in stale}
    return replace(facts, files=files, introduction=replace(facts.introduction, left=left))


def _drifts(generation: Generation, facts: Facts) -> Iterator[Drift]:
    wanted = {artifact.path: artifact for artifact in generation.artifacts}
    recipes = {recipe.path for recipe in generation.recipes}
    for path, left in facts.introduction.left.items():
        if path in recipes:
            continue  # made anew by the host: nothing of what is there is kept
        state, artifact = facts.files.get(path), wanted.get(path)
        if state is None and (artifact is None or _is_pending_removal(path, facts)):
            continue  # no longer wanted, and no longer there
        if artifact is not None and not file_problems(artifact, state):
            continue
        if path == facts.introduction.softened:
            continue  # settling the pending configuration makes it what it has to be
        begun = facts.introduction.activating.get(path, ())
        if any(not _left_problems(path, one, state) for one in begun):
            continue  # a transaction that broke off, or is pending, came as far as this
        if problems := _left_problems(path, left, state):
            diff = "" if left.secret else _diff(path, state, _left_content(path, artifact, facts))
            edited = state.table.edited if state and state.table else ()
            where = f" (shards: {', '.join(edited)})" if edited else ""
            yield Drift(path, in_words(problems) + where, diff)


def _is_pending_removal(path: str, facts: Facts) -> bool:
    introduction = facts.introduction
    return introduction.pending is not None and path not in introduction.activating


def _left_problems(path: str, left: LeftFile, state: FileState | None) -> tuple[FileProblem, ...]:
    if state is None:
        return (FileProblem("missing", "", path),)
    problems = []
    if not state.is_regular:
        wanted = "table" if path == TABLE_PATH else "regular file"
        problems.append(FileProblem("kind", state.kind, wanted))
    if state.sha256 != left.sha256:
        problems.append(FileProblem("content", "", ""))
    if state.table and state.table.flaw is TableFlaw.DERIVED:
        problems.append(FileProblem(TableFlaw.DERIVED, "", ""))
    return (*problems, *ownership_problems(left, state))


def _left_content(path: str, artifact: Artifact | None, facts: Facts) -> bytes | None:
    if artifact is not None and artifact.sha256 == facts.introduction.left[path].sha256:
        return artifact.content
    return facts.left_contents.get(path)


def _diff(path: str, state: FileState | None, left: bytes | None) -> str:
    if state is None or state.content is None or left is None:
        return ""
    return unified_diff(left, state.content, f"{path} (as applied)", f"{path} (on the host)")
