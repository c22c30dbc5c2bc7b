"""Programs over a real SSH connection: streams, statuses, limits, loss."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from provisioner.diagnostics import ExitCode, MailprovError

if TYPE_CHECKING:
    from provisioner.transport.ssh.connection import SshTransport
    from tests.loopback.conftest import Client, Sshd, StartSshd

MIB = 1024 * 1024


def test_a_program_gets_its_arguments_and_its_name(transport: SshTransport) -> None:
    args = ["a b", "", "'", '"', "$HOME", "*", "\\n", "ä", "--", "-e", "x\ny"]
    done = transport.run('printf "%s|" "$0" "$@"', *args, timeout=5)
    assert done.stdout.decode() == "|".join(["mailprov", *args, ""])


def test_a_program_starts_in_one_known_environment(transport: SshTransport) -> None:
    done = transport.run(
        'pwd; echo "$LC_ALL"; command -v id; case $PATH in *:/sbin:/bin) echo y;; esac', timeout=5
    )
    assert done.stdout.split()[:2] == [b"/", b"C"]
    assert done.stdout.split()[-1] == b"y"


@pytest.mark.parametrize("status", [0, 1, 2, 77, 126, 127, 255])
def test_the_exit_status_comes_back(transport: SshTransport, status: int) -> None:
    assert transport.run(f"exit {status}", timeout=5).status == status


def test_a_program_ended_by_a_signal_has_a_negative_status(transport: SshTransport) -> None:
    assert transport.run("kill -9 $$", timeout=5).status < 0


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root keeps nothing")
def test_a_program_that_is_kept_gets_the_same_the_second_time(transport: SshTransport) -> None:
    program = f"# {os.urandom(8).hex()}\nprintf '%s.' \"$@\"\ncat\nexit 3\n"
    kept = Path("/run/mailprov/program", hashlib.sha256(program.encode()).hexdigest())
    data = os.urandom(MIB)
    try:
        for _ in range(2):
            done = transport.run(program, "a b", "", stdin=data, timeout=20, keep=True)
            assert (done.status, done.stdout) == (3, b"a b.." + data)
            assert kept.read_text() == program
    finally:
        kept.unlink(missing_ok=True)


def test_large_streams_flow_both_ways_at_once(transport: SshTransport) -> None:
    data = os.urandom(10 * MIB)
    program = "head -c 10485760 /dev/zero | tr '\\0' e >&2 & cat; wait"
    done = transport.run(program, stdin=data, timeout=60)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()
    assert done.stderr.count(b"e") >= 64 * 1024
    assert b"left out" in done.stderr


def test_a_program_that_does_not_read_its_stdin_still_ends(transport: SshTransport) -> None:
    done = transport.run("exit 3", stdin=bytes(10 * MIB), timeout=20)
    assert done.status == 3


def test_lines_arrive_while_the_program_runs(transport: SshTransport) -> None:
    with transport.start("echo one; read answer; echo got $answer; exit 4", timeout=10) as talk:
        assert talk.read_line(5) == "one"
        with pytest.raises(TimeoutError):
            talk.read_line(0.05)
        talk.send(b"yes\n")
        assert talk.read_line(5) == "got yes"
        assert talk.read_line(5) is None
        assert talk.result().status == 4


def test_result_returns_what_lines_did_not_take(transport: SshTransport) -> None:
    with transport.start("printf 'a\\nb\\nc'", timeout=10) as talk:
        assert talk.read_line() == "a"
        assert talk.result().stdout == b"b\nc"


def test_all_lines_of_a_long_stream_are_read(transport: SshTransport) -> None:
    with transport.start("seq 100000", timeout=30) as talk:
        assert sum(1 for _ in talk.lines()) == 100000


def test_noise_of_the_login_shell_reaches_nobody(client: Client, start_sshd: StartSshd) -> None:
    sshd = start_sshd(extra='ForceCommand echo noise; echo noise >&2; eval "$SSH_ORIGINAL_COMMAND"')
    client.trust(sshd)
    transport = client.open(sshd)
    done = transport.run("echo real; echo err >&2", timeout=5)
    transport.close()
    assert (done.stdout, done.stderr) == (b"real\n", b"err\n")


def test_a_login_shell_that_runs_nothing_is_told(client: Client, start_sshd: StartSshd) -> None:
    sshd = start_sshd(extra="ForceCommand echo This account is not available; exit 1")
    client.trust(sshd)
    transport = client.open(sshd)
    with pytest.raises(MailprovError) as caught:
        transport.run("true", timeout=5)
    transport.close()
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert "is nologin" in caught.value.diagnostics[0].summary


def test_a_program_over_its_limit_is_ended_and_the_connection_goes_on(
    transport: SshTransport,
) -> None:
    begun = time.monotonic()
    with pytest.raises(MailprovError, match=r"timed out after 0\.3 s while waiting"):
        transport.run("sleep 60", timeout=0.3, doing="waiting")
    assert time.monotonic() - begun < 3
    assert transport.run("echo still here", timeout=5).stdout == b"still here\n"


def test_a_program_that_never_reads_does_not_hold_the_sender_forever(
    transport: SshTransport,
) -> None:
    with transport.start("sleep 60", timeout=0.5) as talk, pytest.raises(MailprovError):
        talk.send(bytes(20 * MIB))


def test_a_stopped_server_does_not_hold_the_sender_forever(
    client: Client, start_sshd: StartSshd
) -> None:
    sshd = start_sshd()
    client.trust(sshd)
    transport = client.open(sshd)
    with transport.start("cat >/dev/null", timeout=1.0, doing="sending") as talk:
        talk.send(b"x")
        for pid in sshd.sessions():
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        with pytest.raises(MailprovError, match="timed out after 1 s while sending"):
            talk.send(bytes(30 * MIB))
        assert time.monotonic() - begun < 5
    transport.close()


def test_a_killed_connection_says_what_was_going_on(client: Client, start_sshd: StartSshd) -> None:
    sshd = start_sshd()
    client.trust(sshd)
    transport = client.open(sshd)
    with transport.start("echo up; sleep 60", timeout=20, doing="observing the host") as talk:
        assert talk.read_line() == "up"
        for pid in sshd.sessions():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(
            MailprovError, match="connection lost while observing the host"
        ) as caught:
            talk.result()
        assert caught.value.exit_code == ExitCode.UNREACHABLE
    with pytest.raises(MailprovError, match="connection lost while looking again"):
        transport.run("true", timeout=5, doing="looking again")
    transport.close()


def test_closing_ends_what_runs(client: Client, sshd: Sshd) -> None:
    client.trust(sshd)
    transport = client.open(sshd)
    talk = transport.start("sleep 60", timeout=30, doing="sleeping")
    transport.close()
    with pytest.raises(MailprovError, match="connection lost while sleeping"):
        talk.result()


def test_more_sessions_than_sshd_allows_are_told(client: Client, start_sshd: StartSshd) -> None:
    sshd = start_sshd(extra="MaxSessions 1")
    client.trust(sshd)
    transport = client.open(sshd)
    with transport.start("echo up; sleep 60", timeout=20) as talk:
        assert talk.read_line() == "up"
        with pytest.raises(MailprovError, match="refuses to run another program"):
            transport.run("true", timeout=5)
    transport.close()


def test_a_program_may_be_longer_than_a_command_line(transport: SshTransport) -> None:
    done = transport.run("#" + "x" * 4 * MIB + "\ncat", stdin=b"the rest", timeout=20)
    assert done.stdout == b"the rest"


@pytest.fixture
def open_in(client: Client, start_sshd: StartSshd) -> Iterator[Callable[[str], SshTransport]]:
    """Return a function from a shell to a connection whose login has it; skips where it is not."""
    opened: list[SshTransport] = []

    def open_with(shell: str) -> SshTransport:
        path = shutil.which(shell)
        if path is None:
            pytest.skip(f"{shell} is not installed")
        # What sshd does with a login shell: one argument behind -c.
        sshd = start_sshd(extra=f'ForceCommand exec {path} -c "$SSH_ORIGINAL_COMMAND"')
        client.trust(sshd)
        opened.append(client.open(sshd))
        return opened[-1]

    yield open_with
    for transport in opened:
        transport.close()


@pytest.mark.parametrize("shell", ["tcsh", "fish", "zsh", "dash"])
def test_login_shells_hand_a_program_of_many_lines_on(
    open_in: Callable[[str], SshTransport], shell: str
) -> None:
    """Where root's shell was tcsh, it ran the lines of a program as commands of its own."""
    program = "case $1 in\n*) printf '%s!' \"$1\"\nesac\ncat"
    done = open_in(shell).run(program, "it's\n`x` !1 \\", stdin=b" read", timeout=5)
    assert (done.stdout, done.stderr) == (b"it's\n`x` !1 \\! read", b"")


def test_a_restricted_shell_runs_nothing_and_is_told(
    open_in: Callable[[str], SshTransport], tmp_path: Path
) -> None:
    with pytest.raises(MailprovError) as caught:
        open_in("rbash").run(f"touch {tmp_path}/ran", timeout=5)
    assert "is restricted and" in caught.value.diagnostics[0].summary
    assert not (tmp_path / "ran").exists()
