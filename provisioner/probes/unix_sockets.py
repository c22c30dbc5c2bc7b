"""Whether one daemon gets through to the other, by the Unix sockets between them.

A daemon that is idle keeps its connection, so that what works now may not work in the next
minute: a socket that nobody may open any more shows itself only with the next process. So
the sockets themselves are looked at, with the eyes of the account that connects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provisioner.diagnostics import as_root
from provisioner.probes.finding import Finding, Status
from provisioner.remote.protocol import Section, each, fields

_SOCKET = "socket"
_STRANGER = "nobody"
_FIELDS = {"is": 6, "takes": 2, "opens": 3}


@dataclass(frozen=True)
class UnixSocket:
    """A Unix socket that a daemon opens for another one, or for its own tools.

    server: who listens there. client: who connects, as which Unix account.
    """

    path: str
    server: str
    client: str
    account: str


@dataclass(frozen=True)
class UnixSocketState:
    """A socket as it is on the host.

    kind, owner, group, mode: as stat(1) has them; an empty kind where nothing is there. listening:
    somebody takes connections (/proc/net/unix, proc_pid_net(5)). open_to: of the client's account
    and `nobody`, who may connect, on the whole path.
    """

    kind: str
    owner: str = ""
    group: str = ""
    mode: str = ""
    listening: bool = False
    open_to: frozenset[str] = frozenset()

    @property
    def shown(self) -> str:
        """It in the words of ls(1)."""
        return f"{self.kind} {self.owner}:{self.group} {self.mode}" if self.kind else "missing"


def judge_unix_socket(host: str, socket: UnixSocket, state: UnixSocketState | None) -> Finding:
    """Judge one socket; None where the host did not tell of it."""
    state = state or UnixSocketState("")
    problems = list(_problems(socket, state))
    return Finding(
        id=f"link.{socket.path}@{host}",
        host=host,
        question=f"Can {socket.client} connect to {socket.server} at {socket.path}?",
        status=Status.FAILED if problems else Status.PASSED,
        got="; ".join((state.shown, *problems)),
        want=f"a socket of {socket.server} that only {socket.account} may use",
        remedy=f"restart the daemon with `{as_root('systemctl', 'restart', socket.server)}` on "
        "the host, which makes the socket anew; then find the program that changed it"
        if problems
        else "",
    )


def _problems(socket: UnixSocket, state: UnixSocketState) -> list[str]:
    if state.kind != _SOCKET:
        return ["it is not a socket"] if state.kind else ["it does not exist"]
    told = (
        (not state.listening, "no program listens on it"),
        (socket.account not in state.open_to, f"{socket.account} may not connect"),
        (_STRANGER in state.open_to, "every local user may connect"),
    )
    return [words for wrong, words in told if wrong]


def parse_unix_sockets(lines: Iterable[str]) -> Mapping[str, UnixSocketState]:
    """Return the sockets by path, from rows that begin with a word: `is`, `takes`, `opens`."""
    rows = list(each(Section.LINKS, lines, _row))
    takes = {row[1] for row in rows if row[0] == "takes"}
    opens = [(path, account) for word, path, account in _of(rows, "opens")]
    return {
        path: UnixSocketState(
            kind,
            owner,
            group,
            mode,
            listening=path in takes,
            open_to=frozenset(account for opened, account in opens if opened == path),
        )
        for _, path, kind, owner, group, mode in _of(rows, "is")
    }


def _row(line: str) -> list[str]:
    word = line.partition("\t")[0]
    return fields(line, _FIELDS[word])


def _of(rows: Iterable[list[str]], word: str) -> list[list[str]]:
    return [row for row in rows if row[0] == word]
