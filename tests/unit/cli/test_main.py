"""Whatever a person types, a message and an exit code come back, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.main import run

VERBS = (
    "validate",
    "schema",
    "render",
    "plan",
    "apply",
    "verify",
    "send",
    "status",
    "diagnose",
    "history",
    "rollback",
    "destroy",
    "user",
    "lab",
)


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert [verb for verb in VERBS if f"  {verb} " not in shown] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert "Usage: mailprov" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["aply"],
        ["apply", "--no-such-option"],
        ["history", "a.yaml", "b.yaml"],
        ["render"],
        ["lab", "x"],
        ["rollback", "--directory"],
        ["rollback", "--directory", "--to", "0"],
        ["rollback", "--overwrite-drift", "--keep-drift"],
    ],
)
def test_wrong_usage_is_exit_code_64(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 64
    assert "Error:" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["validate", "plan", "apply", "verify"])
def test_a_site_file_that_is_not_there_is_exit_code_3(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, str(tmp_path / "site.yaml")]) == 3
    shown = capsys.readouterr().err
    assert "site.yaml" in shown
    assert "fix:" in shown


def test_the_site_file_is_site_yaml_where_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["validate"]) == 3
    assert "site.yaml" in capsys.readouterr().err


def break_validate(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(_path: Path) -> None:
        raise error

    monkeypatch.setattr("provisioner.cli.validate_verb.load_site", broken)


def test_an_error_of_our_own_is_one_message_and_a_traceback_only_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_validate(monkeypatch, RuntimeError("a bug"))
    assert run(["validate"]) == 1
    shown = capsys.readouterr().err
    assert "a bug" in shown
    assert "Traceback" not in shown
    assert run(["validate", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    break_validate(monkeypatch, KeyboardInterrupt())
    assert run(["validate"]) == 130
    assert capsys.readouterr().err.strip() == "mailprov: interrupted"
