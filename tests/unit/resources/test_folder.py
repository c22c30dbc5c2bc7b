"""A folder is made or gets its owner and mode back, and SELinux' label with either."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.generations import GENERATION, fulfilled, with_file

from provisioner.plan.diff import diff_generation
from provisioner.resources.change import Action
from provisioner.resources.file_state import FileState
from provisioner.resources.folder import Folder

LABEL = "; mail_spool_t to SELinux, where that is on"


@pytest.mark.parametrize(
    ("label", "state", "action", "reason"),
    [
        ("", None, Action.CREATE, "missing"),
        ("mail_spool_t", None, Action.CREATE, f"missing{LABEL}"),
        (
            "mail_spool_t",
            FileState("directory", "root", "vmail", 0o700),
            Action.UPDATE,
            f"owner is root, wanted vmail{LABEL}",
        ),
    ],
)
def test_a_folder_says_why_it_changes_and_which_label_it_gets(
    label: str, state: FileState | None, action: Action, reason: str
) -> None:
    folder = Folder("/srv/vmail", "vmail", "vmail", 0o700, label)
    wanted = replace(GENERATION, folders=(folder,))
    plan = diff_generation(wanted, with_file(fulfilled(wanted), folder.path, state))
    (change,) = (one for one in plan.changes if one.kind == "directory")
    assert (change.action, change.reason) == (action, reason)
