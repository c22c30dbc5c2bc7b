"""What the hosts are doing now, on a terminal and elsewhere."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import sys
import termios

import pytest
from support.refs import ref

from provisioner.cli.progress import LiveProgress
from provisioner.cli.terminal import coloured, write_line
from provisioner.model.names import HostRef

HOSTS = [ref("ns"), ref("mail")]
CROWD = [ref(f"host{number}") for number in range(1000)]


def told(progress: LiveProgress, hosts: list[HostRef] = HOSTS) -> None:
    progress.tell(hosts[0], "observing")
    progress.tell(hosts[1], "observing")
    progress.tell(hosts[0], "observing")
    progress.tell(hosts[0], "nothing to change")


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, hosts: list[HostRef] = HOSTS) -> str:
    """Return what a terminal of ten lines got of the news."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 80, 0, 0))
    with os.fdopen(follower, "w") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(sys, "stdout", screen)
        told(LiveProgress(hosts), hosts)
        write_line(coloured("passed", "passed"))
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


def test_what_a_host_said_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    hostile = [ref("ns"), ref("\x1b[9A\nmail")]
    shown = on_a_terminal(monkeypatch, hostile)
    assert "\x1b[9A" not in shown
    assert "\\x1b[9A\\nmail" in shown
    assert shown.count("\x1b[2A") == 2


def test_no_color_makes_a_terminal_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in on_a_terminal(monkeypatch)


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    told(LiveProgress(HOSTS, quiet=True))
    assert capsys.readouterr().err == ""


def test_more_hosts_than_lines_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = on_a_terminal(monkeypatch, CROWD)
    assert shown.count("\n") < 10
    assert "1 nothing to change" in shown
    assert "998 waiting" in shown


def test_elsewhere_a_crowd_is_counted_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LiveProgress(CROWD)
    for text in ("observing", "compared"):
        for host in CROWD:
            progress.tell(host, text)
    lines = capsys.readouterr().err.splitlines()
    assert 10 < len(lines) < 30
    assert "observing" in lines[0]
    assert "waiting" in lines[0]
