"""Hosts that play a script: what each is asked to run, in order, and what it answers.

They are a fleet, its transports and their conversations, so that a whole verb runs over them
unchanged. Whatever the script does not expect fails the test at once. Whatever it expects and
nobody asked for fails it at the end. The hosts of `each` work one after another, in the order
given: `order` is then the same each time, and tells what came before what, across hosts. Answers
are lines of remote/protocol.py; `support/told_facts.py` writes those of the observing program.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import HostKey, HostRef
from provisioner.model.site import Host, Site
from provisioner.probes.question import Answered, NoAnswer, Question, Unasked
from provisioner.remote.program import KEPT, remote_programs
from provisioner.verbs.compiling import Compiler
from provisioner.verbs.machines import Machines
from provisioner.verbs.ports import Completed
from provisioner.verbs.run import Run

OWNER = "operator@desk"
PROGRAMS: Mapping[str, str] = {verb: verb for verb in remote_programs()}
"""The remote program's verbs; the text of each is its name, by which a host knows it."""

READY = "@ready"
_IN_FLIGHTS = frozenset({"observe", "recall"})
"""Verbs that answer before they read; what comes behind `@ready` waits for their input."""
_DEAF = frozenset({"packages"})
"""Verbs that read nothing; all others read their standard input to its end."""


def unreachable(summary: str = "the connection was lost") -> MailprovError:
    """Return the error of a host that is out of reach."""
    return MailprovError(Diagnostic(summary, "the network"), ExitCode.UNREACHABLE)


@dataclass(frozen=True)
class Program:
    """A verb of the remote program that a host is expected to run.

    lines: what it answers; what comes behind `@ready` waits for the end of its input. arguments:
    what it has to be called with, None: anything. lost: what ends it instead of its exit, once
    the lines are out.
    """

    verb: str
    lines: Sequence[str] = ()
    status: int = 0
    stderr: str = ""
    arguments: tuple[str, ...] | None = None
    lost: BaseException | None = None

    def __str__(self) -> str:
        return " ".join((self.verb, *(self.arguments or ())))


@dataclass(frozen=True)
class Connection:
    """A connection that is expected: a new one, or (where it is the script's first) any at all."""

    refused: MailprovError | None = None

    def __str__(self) -> str:
        return "connect"


Step = Program | Connection


@dataclass(frozen=True)
class Call:
    """What was asked of a host. stdin: all that the program was sent."""

    host: HostRef
    what: str
    arguments: tuple[str, ...] = ()
    stdin: bytearray = field(default_factory=bytearray)

    def __str__(self) -> str:
        return f"{self.host.host}: {self.what}"


@dataclass(frozen=True)
class Answer:
    """What came of the work on one host."""

    host: Host
    value: Any = None
    error: MailprovError | None = None


class ScriptedFleet:
    """The hosts of some sites, each with its script; leaving its `with` block checks the ends.

    scripts: the steps of each host, by its ref; a host without any is never to be asked.
    calls: all that was asked, in order. told: what progress was told, by host. askers: those that
    were opened.
    """

    def __init__(self, scripts: Mapping[HostRef, Sequence[Step]]) -> None:
        self._left = {ref: list(steps) for ref, steps in scripts.items()}
        self._open: dict[HostRef, ScriptedTransport] = {}
        self.calls: list[Call] = []
        self.told: list[tuple[HostRef, str]] = []
        self.askers: list[ScriptedAsker] = []

    @property
    def order(self) -> list[str]:
        """What was asked of which host, `KEY: VERB`, with what a `settle` was to do."""
        return [str(call) for call in self.calls]

    def call(self, what: str) -> Call:
        """Return the one call that `order` has under this name."""
        (found,) = (call for call in self.calls if str(call) == what)
        return found

    def run_over(
        self, site: Site, hosts: Sequence[Host] | None = None, machines: Machines | None = None
    ) -> Run:
        """Return a run of a verb over a site's hosts, whose passwords are all hashes."""
        return Run(
            site=site,
            hosts=site.hosts if hosts is None else tuple(hosts),
            fleet=self,
            programs=PROGRAMS,
            compiler=Compiler(site, lambda known: known),
            progress=self,
            owner=OWNER,
            machines=machines or Machines(),
        )

    def asker(
        self, failing: Callable[[str], object] = lambda _: None
    ) -> Callable[..., ScriptedAsker]:
        """Return what opens an asker. failing: what comes of a question with this id.

        Words: nothing that can be judged came back. Another object: that is the answer. None: the
        question cannot be asked, which proves nothing and forbids nothing.
        """

        def opened(
            *, transports: Mapping[str, ScriptedTransport], **known: object
        ) -> ScriptedAsker:
            self.askers.append(ScriptedAsker(self, transports, failing, known))
            return self.askers[-1]

        return opened

    def each(self, hosts: Sequence[Host], work: Callable[[Host, Any], Any]) -> Iterator[Answer]:
        """Do the work on host after host; see `Fleet.each`."""
        for host in hosts:
            try:
                yield Answer(host, work(host, self.transport(host)))
            except MailprovError as error:
                yield Answer(host, error=error)

    def transport(self, host: Host) -> ScriptedTransport:
        """Return the open way to a host; the first is no step unless the script begins with it."""
        if host.ref not in self._open:
            steps = self._left.get(host.ref, [])
            if steps and isinstance(steps[0], Connection):
                return self.reopen(host)
            self._open[host.ref] = ScriptedTransport(self, host)
        return self._open[host.ref]

    def reopen(self, host: Host) -> ScriptedTransport:
        """Return a fresh connection; see `Fleet.reopen`."""
        step = self._take(host.ref, "connect")
        if not isinstance(step, Connection):
            _unexpected(host.ref, "a new connection", step)
        self.calls.append(Call(host.ref, "connect"))
        if step.refused:
            raise step.refused
        self._open[host.ref] = ScriptedTransport(self, host)
        return self._open[host.ref]

    def tell(self, host: HostRef, text: str) -> None:
        """Take what a person is told; see `Progress`."""
        assert isinstance(host, HostRef), host
        assert isinstance(text, str), text
        self.told.append((host, text))

    def started(self, transport: ScriptedTransport, verb: str, arguments: tuple[str, ...]) -> Talk:
        """Return the conversation that the host's script has next, which has to be this one."""
        ref = transport.host_as_known.ref
        step = self._take(ref, verb)
        wanted = isinstance(step, Program) and step.verb == verb
        if not wanted or step.arguments not in {None, arguments}:
            _unexpected(ref, " ".join((verb, *arguments)), step)
        if self._open.get(ref) is not transport:
            raise AssertionError(f"{ref}: {verb} came over a connection that was replaced")
        call = Call(ref, arguments[0] if verb == "settle" else verb, arguments)
        self.calls.append(call)
        return Talk(step, call)

    def _take(self, ref: HostRef, what: str) -> Step:
        if ref not in self._left:
            raise AssertionError(f"{ref}: nothing was to be asked, and {what!r} was")
        if not self._left[ref]:
            _unexpected(ref, what, "its end")
        return self._left[ref].pop(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        left = {
            str(ref): [str(step) for step in steps] for ref, steps in self._left.items() if steps
        }
        if kind is None and left:
            raise AssertionError(f"nobody asked for what the script still has: {left}")


def _unexpected(ref: HostRef, got: str, step: object) -> NoReturn:
    raise AssertionError(f"{ref}: {got!r} was asked where the script has {str(step)!r}")


@dataclass
class ScriptedTransport:
    """An open way to a host that plays its script."""

    fleet: ScriptedFleet
    host_as_known: Host

    @property
    def host(self) -> HostKey:
        return self.host_as_known.key

    @property
    def peer(self) -> str:
        return f"root@{self.host_as_known.addresses[0]}"

    def start(
        self, program: str, *args: str, timeout: float, doing: str = "", keep: bool = False
    ) -> Talk:
        assert timeout > 0, f"{program} has no time"
        assert doing, f"what {program} does has no name in an error"
        assert keep == (program in KEPT), f"{program} is kept on the host, or is not"
        return self.fleet.started(self, program, args)

    def run(
        self,
        program: str,
        *args: str,
        stdin: bytes = b"",
        timeout: float,
        doing: str = "",
        keep: bool = False,
    ) -> Completed:
        with self.start(program, *args, timeout=timeout, doing=doing, keep=keep) as talk:
            talk.send(stdin)
            return talk.result()

    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        raise AssertionError(f"{self.host}: a connection to {address}:{port} within {timeout} s")

    def close(self) -> None: ...


def _ahead(step: Program) -> int:
    """Return how many lines come before the program waits for its input."""
    if step.verb not in _IN_FLIGHTS:
        return 0
    return step.lines.index(READY) + 1 if READY in step.lines else len(step.lines)


class Talk:
    """A program that plays one step: a `Conversation`."""

    def __init__(self, step: Program, call: Call) -> None:
        self._step = step
        self._call = call
        self._lines = iter(step.lines)
        self._finished = step.verb in _DEAF
        self._ahead = _ahead(step)
        self._told = 0

    def send(self, data: bytes) -> None:
        self._call.stdin.extend(data)

    def finish(self) -> None:
        self._finished = True

    def read_line(self, timeout: float | None = None) -> str | None:
        del timeout
        return next(self._read(), None)

    def lines(self) -> Iterator[str]:
        yield from self._read()
        if self._step.lost:
            raise self._step.lost

    def _read(self) -> Iterator[str]:
        for line in self._lines:
            if self._told >= self._ahead and not self._finished:
                raise AssertionError(f"{self._call} waits for the end of its input for ever")
            self._told += 1
            yield line

    def result(self) -> Completed:
        self._finished = True
        rest = "".join(f"{line}\n" for line in self.lines())
        return Completed(
            self._step.status, rest.encode(), self._step.stderr.encode(errors="surrogateescape")
        )

    def abandon(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None: ...


@dataclass
class ScriptedAsker:
    """Somebody who puts questions, and notes when; see `ScriptedFleet.asker`.

    known: what it was made with, beside the ways to the hosts.
    """

    fleet: ScriptedFleet
    transports: Mapping[str, ScriptedTransport]
    failing: Callable[[str], object]
    known: Mapping[str, Any]

    def ask(self, questions: Sequence[Question[Any]]) -> list[Answered]:
        ids = tuple(question.id for question in questions)
        for transport in self.transports.values():
            self.fleet.calls.append(Call(transport.host_as_known.ref, "asked", ids))
        return [Answered(question, self._answer(question)) for question in questions]

    def _answer(self, question: Question[Any]) -> object:
        answer = self.failing(question.id)
        if answer is None:
            return Unasked("no test asks it")
        return NoAnswer(answer) if isinstance(answer, str) else answer
