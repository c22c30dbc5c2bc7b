"""What a person sees, on a terminal and elsewhere."""

from __future__ import annotations

import pytest

from provisioner.cli.terminal import show_alike, show_errors, table
from provisioner.diagnostics import Diagnostic, MailprovError


def test_a_table_is_as_wide_as_its_widest_cells() -> None:
    got = table(("HOST", "N"), [("mail", "1"), ("a-long-one", "22")])
    assert got == ["HOST        N", "mail        1", "a-long-one  22"]


def refused(number: int) -> MailprovError:
    return MailprovError(
        Diagnostic(
            f"192.0.2.{number} port 22 refuses connections",
            where=f"host{number} (192.0.2.{number} port 22)",
            fix="start sshd there",
        )
    )


def test_errors_that_are_alike_are_told_once_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = MailprovError(Diagnostic("the host key has changed", where="odd"))
    show_errors([*(refused(number) for number in range(1, 51)), other])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 8
    assert any("192.0.2.1 port 22 refuses" in line for line in lines)
    assert any(line.startswith("likewise 49 more: host2, host3, ") for line in lines)
    assert any("the host key has changed" in line for line in lines)


def test_a_few_errors_are_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    show_errors([refused(1), refused(2)])
    assert capsys.readouterr().err.count("start sshd there") == 2


def test_warnings_that_are_alike_name_the_keys_of_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_alike(
        [Diagnostic(f"warning: hosts.{n}: a test", where=f"s.yaml:{n}:1") for n in range(1, 51)]
    )
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("likewise 49 more: hosts.2, hosts.3, ")
    assert len(lines) == 2
