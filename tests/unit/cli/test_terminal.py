"""What a person sees, on a terminal and elsewhere."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from provisioner.cli.terminal import LiveProgress, coloured, table
from provisioner.model.names import HostKey

HOSTS = [HostKey("ns"), HostKey("mail")]


def told(progress: LiveProgress) -> None:
    progress.tell(HOSTS[0], "observing")
    progress.tell(HOSTS[1], "observing")
    progress.tell(HOSTS[0], "observing")
    progress.tell(HOSTS[0], "nothing to change")


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a terminal got of the news."""
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(sys, "stdout", screen)
        told(LiveProgress(HOSTS))
        screen.write(coloured("passed", "passed"))
        screen.flush()
        shown = ""
        while "passed" not in shown:
            shown += os.read(leader, 65536).decode()
    os.close(leader)
    return shown


def test_elsewhere_every_news_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    told(LiveProgress(HOSTS))
    assert capsys.readouterr().err.splitlines() == [
        "ns    observing",
        "mail  observing",
        "ns    nothing to change",
    ]


def test_on_a_terminal_each_host_has_one_line_that_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = on_a_terminal(monkeypatch)
    assert shown.count("\x1b[2A") == 2
    assert "\x1b[32mpassed" in shown


def test_no_color_makes_a_terminal_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_a_terminal(monkeypatch)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told(LiveProgress(HOSTS, quiet=True))
    assert capsys.readouterr().err == ""


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    got = table(("HOST", "N"), [("mail", "1"), ("a-long-one", "22")])
    assert got == "HOST        N\nmail        1\na-long-one  22"
