"""The way into a program: what is noise, what is output, and when a password may go."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.chance import examples

from provisioner.remote.protocol import ExitStatus
from provisioner.transport.program_start import Become, ProgramStart
from provisioner.transport.start_failures import LoginPeer, explain_start_failure

PEER = LoginPeer("mail (deploy@192.0.2.1:22)", "mail", "deploy")
SHELLS = [
    shell
    for shell in ("sh", "bash", "dash", "zsh", "ksh", "mksh", "tcsh", "fish")
    if shutil.which(shell)
]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(marks)]


@given(noise=st.binary(max_size=80), output=st.binary(max_size=80), cuts=st.lists(st.integers(0)))
def test_stdout_is_what_follows_the_marker_however_it_is_cut(
    noise: bytes, output: bytes, cuts: list[int]
) -> None:
    start = ProgramStart("none")
    stream = noise + start.marker + b" 0\n" + output
    got = b"".join(start.take_stdout(piece) for piece in pieces(stream, cuts))
    assert (got, start.uid, start.noise_out) == (output, 0, noise)


@given(noise=st.binary(max_size=80), output=st.binary(max_size=80), cuts=st.lists(st.integers(0)))
def test_stderr_is_what_follows_the_marker_however_it_is_cut(
    noise: bytes, output: bytes, cuts: list[int]
) -> None:
    start = ProgramStart("sudo-with-password")
    stream = noise + start.prompt + start.marker + b"\n" + output
    got = b"".join(start.take_stderr(piece) for piece in pieces(stream, cuts))
    assert (got, start.prompts, start.said()) == (output, 1, noise)


def test_a_prompt_that_the_program_prints_is_no_question() -> None:
    start = ProgramStart("sudo-with-password")
    start.take_stderr(start.marker + b"\n")
    start.take_stderr(start.prompt)
    assert start.prompts == 0


def test_endless_noise_is_not_kept() -> None:
    start = ProgramStart("none")
    for _ in range(100):
        start.take_stdout(b"y\n" * 5000)
        start.take_stderr(b"y\n" * 5000)
    assert len(start.noise_out) + len(start.noise_err) < 200_000


def test_each_start_has_words_of_its_own() -> None:
    assert ProgramStart("none").marker != ProgramStart("none").marker


def run_in(shell: str, start: ProgramStart, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    line = [shell, "-c", start.command_line()]
    return subprocess.run(line, input=stdin, capture_output=True, check=False, timeout=20)


def test_the_command_is_one_line_in_the_words_of_every_shell() -> None:
    """Csh ran each line of a program as a command of its own, as root (an Ansible user's host).

    What it and fish read in another way than sh does is not in it.
    """
    for start in (ProgramStart("none"), ProgramStart("sudo"), ProgramStart("sudo-with-password")):
        line = start.command_line()
        assert not set("\n!\\`~^") & set(line)
        assert line.count("'") % 2 == 0


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_that_arrives_in_part_is_not_begun(shell: str) -> None:
    for missing in (1, 40, 60):
        start = ProgramStart("none", require_root=False)
        done = run_in(shell, start, start.program("echo one\necho two", ())[:-missing])
        assert (done.returncode, start.take_stdout(done.stdout)) == (ExitStatus.CUT, b"")


@pytest.mark.parametrize("shell", SHELLS)
@examples(15)
@given(args=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))))
def test_every_login_shell_hands_arguments_through(shell: str, args: list[str]) -> None:
    start = ProgramStart("none", require_root=False)
    program = start.program('printf "%s\\n" "$#"; printf "%s\\0" "$0" "$@"', tuple(args))
    done = run_in(shell, start, program)
    want = f"{len(args)}\n".encode() + b"".join(a.encode() + b"\0" for a in ["mailprov", *args])
    assert start.take_stdout(done.stdout) == want
    assert start.take_stderr(done.stderr) == b""


def test_a_program_for_root_does_not_run_as_another() -> None:
    start = ProgramStart("none")
    another = 1000 if os.geteuid() == 0 else None
    done = subprocess.run(
        start.argv(),
        input=start.program("echo reached", ()),
        capture_output=True,
        check=False,
        user=another,
    )
    assert done.returncode == ExitStatus.NOT_ROOT
    assert start.take_stdout(done.stdout) == b""
    assert start.uid == (another or os.geteuid())


def test_sudo_is_told_to_ask_with_a_word_of_ours_or_not_at_all() -> None:
    asking = ProgramStart("sudo-with-password")
    assert asking.argv()[6:11] == ["sudo", "-S", "-p", asking.prompt.decode(), "--"]
    assert ProgramStart("sudo").argv()[6:9] == ["sudo", "-n", "--"]


def test_what_no_argument_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        ProgramStart("none").program("true", ("a\0b",))


@pytest.mark.parametrize(
    ("said", "want"),
    [
        (
            b"sudo: a password is required\n",
            "sudo asks for a password, but the site file has none",
        ),
        (b"sudo: sorry, you must have a tty to run sudo\n", "sudo requires a terminal"),
        (b"deploy is not in the sudoers file.\n", "deploy may not use sudo"),
        (b"Sorry, user deploy may not run sudo on mail.\n", "deploy may not use sudo"),
        (
            b"Sorry, user deploy is not allowed to execute '/usr/bin/sh -c x' as root on mail.\n",
            "sudo does not let deploy run sh as root",
        ),
        (b"env: 'sudo': No such file or directory\n", "sudo is not installed on the host"),
        (b"sudo: 1 incorrect password attempt\n", "sudo refused the password of deploy"),
        (b"sudo: unable to open /etc/sudoers\n", "sudo did not start the program for deploy"),
    ],
)
def test_what_sudo_says_is_explained(said: bytes, want: str) -> None:
    start = ProgramStart("sudo")
    start.take_stderr(start.login + b"\n" + said)
    error = explain_start_failure(start, 1, peer=PEER)
    assert error.diagnostics[0].summary == want
    assert error.diagnostics[0].fix
    assert error.exit_code == 4


@pytest.mark.parametrize("become", ["none", "sudo"])
@pytest.mark.parametrize(
    ("said", "want"),
    [
        (b"This account is currently not available.\n", "is nologin, which refuses every login"),
        (b"rbash: line 1: exec: restricted\n", "is restricted and"),
        (
            b"Your password has expired.\nPassword change required but no TTY available.\n",
            "the password of deploy has expired",
        ),
        (b"hello from a forced command\n", "the login of deploy ended"),
        (b"", "the login of deploy ended"),
    ],
)
def test_what_keeps_a_login_from_running_anything_is_not_blamed_on_sudo(
    become: Become, said: bytes, want: str
) -> None:
    start = ProgramStart(become)
    start.take_stdout(said)
    (diagnostic,) = explain_start_failure(start, 1, peer=PEER).diagnostics
    assert want in diagnostic.summary
    assert "sudo" not in diagnostic.summary + diagnostic.fix
    assert diagnostic.fix


def test_a_second_question_means_a_wrong_password() -> None:
    start = ProgramStart("sudo-with-password")
    start.take_stderr(start.prompt + b"Sorry, try again.\n" + start.prompt)
    assert "refused the password" in str(explain_start_failure(start, None, peer=PEER))


def test_a_login_without_root_is_explained() -> None:
    start = ProgramStart("none")
    start.take_stdout(start.marker + b" 1000\n")
    text = str(explain_start_failure(start, ExitStatus.NOT_ROOT, peer=PEER))
    assert "deploy is not root on the host" in text
    assert "become: sudo" in text


def test_a_hostile_login_shell_cannot_write_to_the_terminal() -> None:
    start = ProgramStart("none")
    start.take_stdout(b"\x1b[2J\x07gone")
    text = str(explain_start_failure(start, 1, peer=PEER))
    assert "\x1b" not in text
    assert "gone" in text
