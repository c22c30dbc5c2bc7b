"""What is made of the sockets between daemons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.probes.finding import Status
from provisioner.probes.unix_sockets import UnixSocket, UnixSocketState, judge_unix_socket

SOCKET = UnixSocket("/var/spool/postfix/private/auth", "dovecot", "postfix", "postfix")
POSTFIX = frozenset({"postfix"})
GOOD = UnixSocketState("socket", "postfix", "postfix", "660", listening=True, open_to=POSTFIX)


def test_a_socket_that_works_passes() -> None:
    got = judge_unix_socket("mail", SOCKET, GOOD)
    assert (got.status, got.id) == (Status.PASSED, f"link.{SOCKET.path}@mail")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        # Idle processes of Postfix's keep their connection, and so all seemed well.
        (replace(GOOD, mode="0", open_to=frozenset()), "postfix may not connect"),
        (replace(GOOD, listening=False), "no program listens on it"),
        (replace(GOOD, open_to=POSTFIX | {"nobody"}), "every local user may connect"),
        (UnixSocketState("regular file", "root", "root", "644"), "it is not a socket"),
        (UnixSocketState(""), "it does not exist"),
        (None, "it does not exist"),
    ],
)
def test_a_socket_that_the_next_process_cannot_open_fails(
    state: UnixSocketState | None, words: str
) -> None:
    got = judge_unix_socket("mail", SOCKET, state)
    assert got.status is Status.FAILED
    assert words in got.got
    assert "restart dovecot" in got.remedy
