"""Secrets from the environment, files and commands; what fails says why and shows no secret."""

import os
import sys
import time
from pathlib import Path

import pytest

from provisioner.model.secrets import SecretReference
from provisioner.model.values import InvalidValueError
from provisioner.site import references
from provisioner.site.references import read_reference

ENVIRONMENT = {"PATH": os.environ["PATH"], "SECRET": "from-env", "EMPTY": ""}


def _env(name: str) -> SecretReference:
    return SecretReference(source="env", value=name)


def _command(*words: str) -> SecretReference:
    return SecretReference(source="command", value=words)


def _script(text: str) -> SecretReference:
    return _command(sys.executable, "-c", text)


def _refusal(reference: SecretReference, base: Path) -> str:
    with pytest.raises(InvalidValueError) as refusal:
        read_reference(reference, base, ENVIRONMENT)
    error = refusal.value
    assert error.got
    assert error.want
    assert error.fix
    return f"{error.summary} ({error.got})"


def test_a_variable_is_read(tmp_path: Path) -> None:
    assert read_reference(_env("SECRET"), tmp_path, ENVIRONMENT) == ("from-env", "")


def test_a_missing_and_an_empty_variable_are_told_by_name(tmp_path: Path) -> None:
    assert _refusal(_env("NONE_SUCH"), tmp_path).startswith(
        "the environment variable NONE_SUCH is not set"
    )
    assert _refusal(_env("EMPTY"), tmp_path).startswith("the variable EMPTY is empty")


@pytest.mark.parametrize(
    ("content", "want"),
    [(b"secret\n", "secret"), (b"secret\r\n", "secret"), (b"secret", "secret"), (b" s ", " s ")],
)
def test_one_line_end_is_not_part_of_a_file(tmp_path: Path, content: bytes, want: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    reference = SecretReference(source="file", value="secret")
    assert read_reference(reference, tmp_path, ENVIRONMENT) == (want, "")


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("secret\n")
    path.chmod(0o644)
    reference = SecretReference(source="file", value=str(path))
    secret, warning = read_reference(reference, Path("/"), ENVIRONMENT)
    assert secret == "secret"
    assert f"chmod 600 {path}" in warning


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"a\0b", b"\xff\xfe", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    assert "secret" in _refusal(SecretReference(source="file", value="secret"), tmp_path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("missing", "folder"):
        reference = SecretReference(source="file", value=name)
        assert "cannot be read" in _refusal(reference, tmp_path)


def test_a_command_runs_without_a_shell_in_the_files_folder(tmp_path: Path) -> None:
    got, _ = read_reference(_command("echo", "$HOME; pwd"), tmp_path, ENVIRONMENT)
    assert got == "$HOME; pwd"
    got, _ = read_reference(_command("pwd", "-P"), tmp_path, ENVIRONMENT)
    assert got == str(tmp_path.resolve())


def test_a_failed_command_shows_stderr_and_never_stdout(tmp_path: Path) -> None:
    told = _refusal(
        _script("import sys; print('s3cret'); print('store is locked', file=sys.stderr); exit(3)"),
        tmp_path,
    )
    assert "exit status 3" in told
    assert "store is locked" in told
    assert "s3cret" not in told


def test_a_command_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    assert "none-such-program" in _refusal(_command("none-such-program"), tmp_path)


def test_a_command_that_does_not_end_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "COMMAND_SECONDS", 0.3)
    before = time.monotonic()
    told = _refusal(_command("sh", "-c", "sleep 60 & sleep 60"), tmp_path)
    assert "timed out" in told
    assert time.monotonic() - before < 10


def test_a_command_gets_no_input(tmp_path: Path) -> None:
    assert "is empty" in _refusal(_command("cat"), tmp_path)


def test_a_folder_of_nobodys_is_told_as_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    reference = SecretReference(source="file", value="~no-such-user/secret")
    assert "no such user on this machine" in _refusal(reference, tmp_path)
