"""What a remote program that broke off means to a person."""

from __future__ import annotations

import errno
import os

import pytest

from provisioner.diagnostics import ExitCode
from provisioner.verbs.ports import Completed
from provisioner.verbs.remote_failure import broken_off, cause_in, shortened, unfit_state

READER = "mailprov 1.2.3"


def completed(status: int, stderr: str) -> Completed:
    return Completed(status, b"", stderr.encode())


@pytest.mark.parametrize(
    ("number", "want"),
    [
        (errno.ENOSPC, "a disk of the host is full"),
        (errno.EROFS, "a file system of the host is read-only"),
        (errno.EDQUOT, "a disk quota of the host is used up"),
        (errno.EIO, "a disk of the host has failed"),
        (errno.ENOMEM, "the host has no memory left"),
    ],
)
def test_the_systems_own_words_are_understood(number: int, want: str) -> None:
    said = f"cp: error writing '/var/lib/x': {os.strerror(number)}"
    error = broken_off("mail", "observing the host", completed(1, said), READER)
    (told,) = error.diagnostics
    assert error.exit_code is ExitCode.FAILED
    assert told.summary == f"the remote program ended early while observing the host: {want}"
    assert said in told.got
    assert told.fix == cause_in(said).fix != ""


def test_an_unknown_cause_is_told_as_it_is() -> None:
    (told,) = broken_off("mail", "observing", completed(2, "sh: x: not found"), READER).diagnostics
    assert told.summary == "the remote program ended early while observing"
    assert told.got == 'exit status 2, "sh: x: not found"'
    assert told.fix


def test_a_newer_state_is_refused_with_the_version_that_is_wanted() -> None:
    said = "noise\n@state\tnewer\t3\t2.0.0\n"
    error = broken_off("mail", "observing", completed(76, said), READER)
    (told,) = error.diagnostics
    assert error.exit_code is ExitCode.REFUSED
    assert told.got == "state of format 3 in /var/lib/mailprov"
    assert told.want == f"a format that {READER} reads"
    assert told.fix == "use mailprov 2.0.0 or newer"


def test_damage_is_refused_with_its_place() -> None:
    said = "@state\tdamaged\t/var/lib/mailprov/head\tit is missing"
    error = broken_off("mail", "observing", completed(76, said), READER)
    (told,) = error.diagnostics
    assert error.exit_code is ExitCode.REFUSED
    assert (told.where, told.got) == ("mail:/var/lib/mailprov/head", "it is missing")
    assert told.want
    assert "mv /var/lib/mailprov /var/lib/mailprov.damaged" in told.fix


def test_a_newer_state_that_names_no_version_is_refused_all_the_same() -> None:
    told = unfit_state("mail", "@state\tnewer\t3", READER)
    assert "3" in told.got
    assert told.fix == "use that newer mailprov"


def test_of_what_the_host_says_at_length_a_part_is_told() -> None:
    long = "x" * 5000
    told = unfit_state("mail", f"@state\tdamaged\t/{long}\t{long}\tmore", READER)
    assert len(told.where) < 400
    assert len(told.got) < 400
    assert "more" not in told.got
    assert len(unfit_state("mail", long, READER).got) < 500


@pytest.mark.parametrize("said", ["", "@state", "@state\tnewer", "@state\tdamaged\t\x1b[2J\tx"])
def test_whatever_the_host_says_is_told_without_harm(said: str) -> None:
    told = unfit_state("mail", said, READER).render()
    assert "mail" in told
    assert "\x1b" not in told


def test_of_a_long_complaint_the_beginning_and_the_end_are_told() -> None:
    assert shortened("a\nb\nc", 1, 1) == "a\nb\nc"
    assert shortened("a\nb\nc\nd\ne", 1, 2) == "a\n… 2 lines left out …\nd\ne"
