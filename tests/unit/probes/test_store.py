"""What is made of a trial where mail lies."""

from __future__ import annotations

import pytest

from provisioner.probes.finding import Status
from provisioner.probes.store import StoreState, judge_store

ROOT, DOMAIN = "/srv/vmail", "/srv/vmail/example.org"
FOLDERS = {ROOT, DOMAIN}


def test_a_store_that_takes_a_file_in_each_folder_passes() -> None:
    got = judge_store("mail", ROOT, FOLDERS, StoreState({ROOT: "", DOMAIN: ""}, finished=True))
    assert got.status is Status.PASSED
    assert "2 folders" in got.got


def test_a_domain_without_mail_has_no_folder_yet() -> None:
    got = judge_store("mail", ROOT, FOLDERS, StoreState({ROOT: ""}, finished=True))
    assert got.status is Status.PASSED


def test_what_else_lies_there_is_somebody_elses() -> None:
    state = StoreState({ROOT: "", f"{ROOT}/lost+found": "Permission denied"}, finished=True)
    assert judge_store("mail", ROOT, FOLDERS, state).status is Status.PASSED


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (StoreState({ROOT: "Read-only file system"}, finished=True), "Read-only"),
        (StoreState({ROOT: "", DOMAIN: "Permission denied"}, finished=True), DOMAIN),
        (StoreState({ROOT: ""}, finished=False), "the file system timed out"),
        (StoreState({ROOT: ""}, True, ("srv-vmail.mount",)), "srv-vmail.mount is not mounted"),  # noqa: FBT003 finished
    ],
)
def test_a_store_that_does_not_fails_and_names_the_place(state: StoreState, words: str) -> None:
    got = judge_store("mail", ROOT, FOLDERS, state)
    assert got.status is Status.FAILED
    assert words in got.got
    assert got.remedy


def test_of_many_folders_a_few_are_named() -> None:
    folders = {f"{ROOT}/{number}.example": "No space left on device" for number in range(20)}
    got = judge_store("mail", ROOT, set(folders), StoreState(folders, finished=True))
    assert len(got.got.splitlines()) == 6
    assert "15 more folders" in got.got
