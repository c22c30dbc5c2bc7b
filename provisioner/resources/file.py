"""Files: what a host tells of them, how they become the wanted ones, and in which order.

A file is an `Artifact`, which rendering makes. A table in shards is one too, of a kind of its own
(table.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from provisioner.remote.protocol import Answer, Asked, Section, Staged, each, fields
from provisioner.render.artifact import Artifact, Plane, SealedArtifact
from provisioner.render.daemon_secrets import SecretFile, is_secret_path
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.resources.change import Action, Change
from provisioner.resources.file_problems import file_problems, in_words, unified_diff
from provisioner.resources.file_state import FilesSeen, FileState, LeftFile, LeftFiles
from provisioner.resources.kind import Due, Packing, Readers, ResourceKind, Row, Turn
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import AFTER_FILES, Unit

_DIGEST = re.compile(r"([0-9a-f]{64})  (/.*)", re.DOTALL)


class WithFiles(Protocol):
    """A generation, as far as its files go, and who reads them."""

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files that have to be there."""

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """What the host makes itself, which stays where a file was."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """The services of the host, in start order."""


class FilesKnown(FilesSeen, Protocol):
    """Facts of files, and what was left of them."""

    @property
    def introduction(self) -> LeftFiles:
        """What the host told first."""


def read_files(told: Answer, contents: Mapping[str, bytes]) -> Mapping[str, FileState]:
    """Return the files of a host by path; MalformedError for another form.

    contents: of those that differ and may be shown.
    """
    by_path = dict(each(Section.DIGESTS, told.lines(Section.DIGESTS), _digest))

    def read(line: str) -> tuple[str, FileState]:
        path, kind, owner, group, mode = fields(line, 5)
        digest = by_path.get(path)
        return path, FileState(kind, owner, group, int(mode, 8), digest, contents.get(path))

    return dict(each(Section.FILES, told.lines(Section.FILES), read))


def _digest(line: str) -> tuple[str, str]:
    found = _DIGEST.fullmatch(line)
    if found is None:
        raise ValueError(line)
    return found[2], found[1]


def read_left_files(section: str, lines: Iterable[str], plane: Plane) -> Mapping[str, LeftFile]:
    """Return the files among what a transaction left; MalformedError for another form."""

    def read(line: str) -> tuple[str, LeftFile]:
        _, path, sha256, owner, group, mode, flag = fields(line, 7)
        of = Plane.SECRETS if is_secret_path(path) else plane
        return path, LeftFile(of, sha256, owner, group, int(mode, 8), flag == "1")

    files = (line for line in lines if line.partition("\t")[0] == "file")
    return dict(each(section, files, read))


def is_known(artifact: Artifact) -> bool:
    """Tell whether the artifact's content is here, to be written."""
    if isinstance(artifact, SecretFile):
        return not artifact.unread
    return not isinstance(artifact, SealedArtifact)


def diff_file(artifact: Artifact, state: FileState | None, note: str = "") -> Iterator[Change]:
    """Yield the change that the file needs, if any. note: what is said of another content."""
    plane = artifact.plane.changes_with
    if state is None:
        diff = _unified(artifact, None)
        yield Change("file", artifact.path, Action.CREATE, "missing", diff, plane=plane)
        return
    if problems := file_problems(artifact, state):
        differs = state.sha256 != artifact.sha256
        diff = _unified(artifact, state.content) if differs else ""
        reason = in_words(problems) + (note if differs else "")
        yield Change("file", artifact.path, Action.UPDATE, reason, diff, plane=plane)


def _unified(artifact: Artifact, before: bytes | None) -> str:
    if artifact.secret:
        return ""
    source = artifact.path if before is not None else "/dev/null"
    return unified_diff(before or b"", artifact.content, source, artifact.path)


def _when(position: int, artifact: Artifact, units: Iterable[Unit]) -> tuple[Turn, tuple[int, ...]]:
    """Return the turn of a file: before the first service that reads it."""
    if artifact.plane is Plane.DIRECTORY and not artifact.daemons:
        return Turn.USERS, (position,)
    for index, unit in enumerate(units):
        if unit.daemon in artifact.daemons:
            return Turn.SERVICES, (index, AFTER_FILES - 1, artifact.rank)
    return Turn.REST, ()


class FileKind(ResourceKind[WithFiles, LeftFiles, FilesKnown]):
    """A file comes before the service that reads it, and goes once no service does."""

    name = "file"
    words = ("file",)
    turn = Turn.SERVICES
    drifts_by_name = True

    def asked(self, wanted: WithFiles, introduction: LeftFiles) -> Iterator[Row]:
        """Yield path, wanted digest, secrecy and the digest that was left; `-` where none is."""
        left = introduction.left
        artifacts = {one.path: one for one in wanted.artifacts}
        for path, artifact in artifacts.items():
            if not isinstance(artifact, ShardedTable):
                before = left[path].sha256 if path in left else "-"
                yield (Asked.FILE, path, artifact.sha256, "1" if artifact.secret else "0", before)
        others = artifacts.keys() | {recipe.path for recipe in wanted.recipes} | {TABLE_PATH}
        for path, file in left.items():
            if path not in others:
                yield (Asked.FILE, path, "-", "1" if file.secret else "0", file.sha256)

    def changes(self, wanted: WithFiles, facts: FilesKnown) -> Iterator[Due]:
        """Yield those that are missing, not as they should be, or not wanted any more."""
        for position, artifact in enumerate(wanted.artifacts):
            if isinstance(artifact, ShardedTable):
                continue
            note = " (secret, not shown)" if artifact.secret else ""
            for change in diff_file(artifact, facts.files.get(artifact.path), note):
                yield Due(change, *_when(position, artifact, wanted.units))
        named = {artifact.path for artifact in wanted.artifacts}
        named |= {recipe.path for recipe in wanted.recipes}
        for path in sorted(facts.introduction.managed_files - named):
            plane = facts.introduction.left[path].plane.changes_with
            reason = "no longer part of the site"
            yield Due(Change("file", path, Action.REMOVE, reason, plane=plane), Turn.REMOVING)

    def declared(self, change: Change, packing: Packing[WithFiles]) -> Iterator[Row]:
        """Yield the path and the content that it is to get; or that it goes, or goes later."""
        if change.action is Action.REMOVE:
            later = change.name in packing.leaving
            yield (Staged.REMOVE_LATER if later else Staged.REMOVE, change.name)
            return
        artifact = _named(packing.wanted, change.name)
        if not is_known(artifact):
            # No plan says so; an empty file in the place of a key must not be the proof.
            raise ValueError(f"{artifact.path} is sealed and cannot be written")
        number = packing.put(artifact.content)
        access = (artifact.owner, artifact.group, f"{artifact.mode:04o}")
        yield (Staged.STAGE, artifact.path, number, *access)

    def steps(self, change: Change, packing: Packing[WithFiles]) -> Iterator[Row]:
        """Yield the one that gives the new file its name, or takes the old one away."""
        if change.name in packing.leaving:
            return
        if change.action is Action.REMOVE:
            yield ("remove", change.name)
        else:
            artifact = _named(packing.wanted, change.name)
            yield ("admit" if artifact.logins else "activate", change.name)

    def undone(self, change: Change) -> Iterator[str]:
        """Yield the file's path."""
        yield change.name

    def seen(self, change: Change, facts: FilesKnown) -> Iterator[tuple[str, str]]:
        """Yield what was seen at its path."""
        state = facts.files.get(change.name)
        yield change.name, state.as_seen if state else "-"

    def readers(self, change: Change, wanted: WithFiles) -> Readers:
        """Return the daemons that read it; no checker reads a table."""
        if change.name == TABLE_PATH:
            return frozenset()
        artifacts = (one for one in wanted.artifacts if one.path == change.name)
        daemons = frozenset(daemon for one in artifacts for daemon in one.daemons)
        return daemons or None

    def reshaped(self, change: Change, wanted: WithFiles) -> Change:
        """Return it with the configuration; a daemon's secret changes at once all the same."""
        del wanted
        with_it = not is_secret_path(change.name)
        return replace(change, plane=Plane.CONFIGURATION) if with_it else change


def _named(wanted: WithFiles, path: str) -> Artifact:
    return next(artifact for artifact in wanted.artifacts if artifact.path == path)


KIND = FileKind()
