"""This machine as a host: the same dialogue as over SSH."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.this_machine import this_machine

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.transport.local import LocalTransport
from provisioner.transport.options import SshOptions

MIB = 1024 * 1024
OPTIONS = SshOptions(local_user="operator", require_root=os.geteuid() == 0)
HOST = this_machine()


@pytest.fixture
def transport() -> LocalTransport:
    return LocalTransport(HOST, OPTIONS, str)


def test_arguments_streams_and_status_come_through(transport: LocalTransport) -> None:
    done = transport.run(
        'cat; printf "%s." "$0" "$@"; echo err >&2; exit 7', "a b", "", stdin=b"in ", timeout=10
    )
    assert (done.status, done.stdout, done.stderr) == (7, b"in mailprov.a b..", b"err\n")


def test_large_streams_flow_both_ways_at_once(transport: LocalTransport) -> None:
    data = os.urandom(10 * MIB)
    done = transport.run("head -c 10485760 /dev/zero >&2 & cat; wait", stdin=data, timeout=30)
    assert done.stdout == data
    assert len(done.stderr) > 60_000


def test_a_program_that_does_not_read_still_ends(transport: LocalTransport) -> None:
    assert transport.run("exit 3", stdin=bytes(MIB), timeout=10).status == 3


def test_a_signal_is_a_negative_status(transport: LocalTransport) -> None:
    assert transport.run("kill -15 $$", timeout=10).status == -15


def test_lines_arrive_while_the_program_runs(transport: LocalTransport) -> None:
    with transport.start("echo one; read x; echo $x", timeout=10) as talk:
        assert talk.read_line(5) == "one"
        talk.send(b"two\n")
        assert list(talk.lines()) == ["two"]
        assert talk.result().status == 0


def test_a_program_over_its_limit_is_ended(transport: LocalTransport) -> None:
    begun = time.monotonic()
    with pytest.raises(MailprovError, match=r"timed out after 0\.2 s while waiting") as caught:
        transport.run("sleep 60", timeout=0.2, doing="waiting")
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    assert time.monotonic() - begun < 3


def test_leaving_a_conversation_ends_the_program(transport: LocalTransport) -> None:
    with transport.start("echo $$; exec sleep 60", timeout=30) as talk:
        pid = int(talk.read_line() or 0)
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
            break
        time.sleep(0.02)
    else:
        pytest.fail(f"{pid} still runs")


def test_closing_hangs_up_on_what_runs(transport: LocalTransport) -> None:
    talk = transport.start("echo up; exec sleep 60", timeout=30)
    assert talk.read_line() == "up"
    transport.close()
    assert talk.result().status == -signal.SIGHUP


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("trap '' HUP PIPE; echo up; sleep 0.3; echo more; touch $1", id="goes-on"),
        pytest.param("trap 'touch $1; exit' HUP; echo up; sleep 0.3; sleep 60", id="undoes"),
        pytest.param("trap : HUP; echo up; sh -c 'sleep 0.3; touch $0' $1", id="spares-children"),
    ],
)
def test_what_a_program_has_begun_it_ends_in_order_when_it_is_left(
    transport: LocalTransport, tmp_path: Path, program: str
) -> None:
    done = tmp_path / "done"
    with transport.start(program, str(done), timeout=30) as talk:
        assert talk.read_line() == "up"
    until = time.monotonic() + 5
    while not done.exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_nobody_waits_for_a_program_that_was_left_and_goes_on(transport: LocalTransport) -> None:
    talk = transport.start("trap '' HUP; echo up; sleep 4", timeout=30)
    assert talk.read_line() == "up"
    begun = time.monotonic()
    transport.close()
    with pytest.raises(MailprovError, match="continues without supervision"):
        talk.result()
    assert time.monotonic() - begun < 3


def read_all(transport: LocalTransport, program: str) -> None:
    with transport.start(program, timeout=60, doing="looking at it") as talk:
        for _ in talk.lines():  # lines that somebody takes count as well
            pass
        talk.result()


@pytest.mark.parametrize(
    ("program", "limit"),
    [
        ("tr '\\0' x </dev/zero", "1 MiB of output"),
        ("tr '\\0' x </dev/zero >&2", "1 MiB of output"),
        ("yes", "1000 lines of output"),
        ("echo 'a tool says this'; yes >&2", "1000 lines of output"),
    ],
)
def test_output_without_end_ends_by_its_size(
    transport: LocalTransport, monkeypatch: pytest.MonkeyPatch, program: str, limit: str
) -> None:
    """`yes` in the place of a tool ended by time only, after 58 MiB and two minutes."""
    monkeypatch.setattr("provisioner.transport.retention.OUTPUT_LIMIT", MIB)
    monkeypatch.setattr("provisioner.transport.retention.LINES_LIMIT", 1000)
    with pytest.raises(MailprovError, match=limit) as caught:
        read_all(transport, program)
    (told,) = caught.value.diagnostics
    assert "looking at it" in told.summary
    assert told.where.startswith("mail")
    assert told.got


def test_a_connection_is_made_from_here(transport: LocalTransport) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        transport.open_tcp("127.0.0.1", server.getsockname()[1], timeout=5).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root is root already")
def test_a_user_who_is_not_root_is_told() -> None:
    strict = LocalTransport(HOST, replace(OPTIONS, require_root=True), str)
    with pytest.raises(MailprovError, match="is not root"):
        strict.run("true", timeout=5)
