"""Folders whose content is not managed: mailboxes lie in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from provisioner.remote.protocol import Asked
from provisioner.render.artifact import Plane
from provisioner.resources.change import Action, Change
from provisioner.resources.file_problems import access_problems, in_words
from provisioner.resources.file_state import FilesSeen
from provisioner.resources.kind import Due, Packing, ResourceKind, Row, Turn


@dataclass(frozen=True)
class Folder:
    """A folder that has to exist, with its owner and mode. Its content is not managed.

    label: the SELinux type that it gets when it is made, empty for the one of its place.
    """

    path: str
    owner: str
    group: str
    mode: int
    label: str = ""


class WithFolders(Protocol):
    """A generation, as far as its folders go."""

    @property
    def folders(self) -> tuple[Folder, ...]:
        """The folders that have to exist."""


class FolderKind(ResourceKind[WithFolders, object, FilesSeen]):
    """A folder is made where it is missing, or gets its owner and mode back."""

    name = "folder"
    words = ("directory",)
    turn = Turn.FOLDERS
    on_files = False

    def asked(self, wanted: WithFolders, introduction: object) -> Iterator[Row]:
        """Ask for each as a file whose content nobody compares."""
        del introduction
        yield from ((Asked.FILE, folder.path, "-", "1", "-") for folder in wanted.folders)

    def changes(self, wanted: WithFolders, facts: FilesSeen) -> Iterator[Due]:
        """Yield those that are missing, or not as they should be."""
        for folder in wanted.folders:
            state = facts.files.get(folder.path)
            if problems := access_problems(folder, state):
                action = Action.CREATE if state is None else Action.UPDATE
                reason = in_words(problems)
                if folder.label:
                    reason += f"; {folder.label} to SELinux, where that is on"
                change = Change("directory", folder.path, action, reason, plane=Plane.DIRECTORY)
                yield Due(change, self.turn)

    def steps(self, change: Change, packing: Packing[WithFolders]) -> Iterator[Row]:
        """Yield the one that makes it, or changes its owner and mode."""
        folder = next(one for one in packing.wanted.folders if one.path == change.name)
        access = (folder.owner, folder.group, f"{folder.mode:04o}")
        yield ("directory", folder.path, *access, *([folder.label] if folder.label else []))

    def listed(self, wanted: WithFolders) -> Iterator[str]:
        """Yield them with owner and mode."""
        for one in wanted.folders:
            label = f" {one.label}" if one.label else ""
            yield f"folder {one.path} {one.owner}:{one.group} {one.mode:04o}{label}"


KIND = FolderKind()
