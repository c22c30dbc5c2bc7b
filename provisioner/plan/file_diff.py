"""How one file or directory differs from what it should be."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from provisioner.plan.change import Action, Change
from provisioner.plan.facts import FileState
from provisioner.plan.generation import Directory, Recipe
from provisioner.render.artifact import Artifact


def diff_file(artifact: Artifact, state: FileState | None) -> Iterator[Change]:
    """Yield the change that the file needs, if any."""
    if state is None:
        diff = _unified(artifact, None)
        yield Change("file", artifact.path, Action.CREATE, "missing", diff)
        return
    differences = list(file_differences(artifact, state))
    if differences:
        content_differs = state.sha256 != artifact.sha256
        diff = _unified(artifact, state.content) if content_differs else ""
        yield Change("file", artifact.path, Action.UPDATE, ", ".join(differences), diff)


def file_differences(artifact: Artifact, state: FileState) -> Iterator[str]:
    """Yield, in words, each aspect in which a file that is there differs."""
    if not state.is_regular:
        yield f"is a {state.kind}"
    if state.sha256 != artifact.sha256:
        yield "content differs" + (" (secret, not shown)" if artifact.secret else "")
    yield from access_differences(artifact, state)


def access_differences(
    wanted: Artifact | Directory | Recipe, state: FileState | None
) -> Iterator[str]:
    """Yield, in words, how owner and mode differ; nothing of a file that is not there."""
    if state is None:
        return
    if (state.owner, state.group) != (wanted.owner, wanted.group):
        yield f"owner is {state.owner}:{state.group}, wanted {wanted.owner}:{wanted.group}"
    if state.mode != wanted.mode:
        yield f"mode is {state.mode:04o}, wanted {wanted.mode:04o}"


def diff_directory(directory: Directory, state: FileState | None) -> Iterator[Change]:
    """Yield the change that the directory needs, if any."""
    if state is None:
        yield Change("directory", directory.path, Action.CREATE, "missing")
        return
    if differences := ", ".join(access_differences(directory, state)):
        yield Change("directory", directory.path, Action.UPDATE, differences)


def _unified(artifact: Artifact, before: bytes | None) -> str:
    if artifact.secret:
        return ""
    old = [] if before is None else before.decode(errors="replace").splitlines(keepends=True)
    new = artifact.content.decode(errors="replace").splitlines(keepends=True)
    source = artifact.path if before is not None else "/dev/null"
    lines = difflib.unified_diff(old, new, source, artifact.path)
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
