"""What a host says of itself, judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from provisioner.probes.finding import Status
from provisioner.probes.hosts import FileProblem, judge_check, judge_file, judge_unit


@dataclass(frozen=True)
class Unit:
    name: str = "dovecot.service"
    load: str = "loaded"
    active: str = "active"
    sub: str = "running"
    enabled: str = "enabled"
    restarts: int = 0
    result: str = "success"


SOUND = Unit()


def test_a_silent_check_passes() -> None:
    assert judge_check("mail", "postfix check", 0, "").status is Status.PASSED


def test_any_line_of_complaint_fails_even_with_exit_status_zero() -> None:
    warning = "postconf: warning: /etc/postfix/main.cf: unused parameter: smtpd_tsl=yes"
    got = judge_check("mail", "postconf", 0, warning)
    assert (got.id, got.status, got.got) == ("check.postconf@mail", Status.FAILED, warning)
    assert "site file" in got.remedy


def test_a_check_that_exits_with_an_error_fails_without_a_word() -> None:
    got = judge_check("ns", "unbound-checkconf", 1, "")
    assert (got.status, got.got) == (Status.FAILED, "exit status 1")


def test_a_flood_of_complaints_is_cut() -> None:
    got = judge_check("mail", "doveconf", 89, "\n".join(["no"] * 500)).got
    assert got.endswith("(490 more lines)")


def test_a_unit_that_is_enabled_and_runs_passes() -> None:
    assert judge_unit("mail", SOUND, SOUND).status is Status.PASSED


@pytest.mark.parametrize(
    ("enable", "running", "words"),
    [
        (replace(SOUND, enabled="disabled"), SOUND, "is disabled"),
        (replace(SOUND, enabled="masked", load="masked"), SOUND, "is masked"),
        (replace(SOUND, load="not-found", enabled=""), SOUND, "is not-found"),
        (SOUND, replace(SOUND, active="failed", sub="failed", result="exit-code"), "exit-code"),
        (SOUND, replace(SOUND, active="activating", sub="auto-restart"), "auto-restart"),
        # Debian 12: postfix.service only runs /bin/true and stays "active (exited)".
        (SOUND, replace(SOUND, name="postfix@-.service", sub="exited"), "exited"),
    ],
)
def test_a_unit_that_is_not_enabled_or_not_running_fails(
    enable: Unit, running: Unit, words: str
) -> None:
    got = judge_unit("mail", enable, running)
    assert got.status is Status.FAILED
    assert words in got.got
    assert "journalctl" in got.remedy


def test_a_unit_that_systemd_had_to_restart_is_a_warning() -> None:
    got = judge_unit("mail", SOUND, replace(SOUND, restarts=3))
    assert got.status is Status.WARNING
    assert "3 times" in got.got


def test_a_file_as_written_passes() -> None:
    assert judge_file("mail", "/etc/postfix/main.cf", ()).status is Status.PASSED


def test_a_file_that_differs_fails_with_every_aspect() -> None:
    problems = (FileProblem("mode", "0666", "0644"), FileProblem("owner", "bob", "root"))
    got = judge_file("mail", "/etc/postfix/main.cf", problems)
    assert (got.status, got.got, got.want) == (
        Status.FAILED,
        "mode 0666; owner bob",
        "mode 0644; owner root",
    )
