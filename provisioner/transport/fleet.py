"""Many hosts at once: transports opened in parallel, each host's failure its own.

The workers are daemon threads, not a thread pool: a pool is joined when the interpreter
ends, and Ctrl-C would then wait for the slowest connection attempt.
"""

from __future__ import annotations

import contextlib
import queue
import resource
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.transport.failures import unreachable
from provisioner.transport.opening import open_transport
from provisioner.transport.options import RevealFor, SshOptions
from provisioner.verbs.ports import Transport

T = TypeVar("T")

_WORKERS = 256
"""Hosts at once. Most of them are waited for: a host that does not answer holds up nobody."""

_HANDSHAKES = 32
"""Handshakes and logins at once, which is where this machine has to work."""

_LOGINS_AT_ONCE = 8
"""Half-open logins, below the 10 at which sshd starts to drop them (MaxStartups), so that
hosts behind one jump host do not lock each other out."""

_SOCKETS = 65536


@dataclass(frozen=True, slots=True)
class FleetAnswer(Generic[T]):
    """What came of the work on one host: a value or an error."""

    host: Host
    value: T | None = None
    error: MailprovError | None = None


class OpenFleet:
    """The open transports of a command; leaving its `with` block closes them all.

    Each host, of whatever site, is opened once, when it is first needed.
    """

    def __init__(self, options: SshOptions, reveal_for: RevealFor, workers: int = _WORKERS) -> None:
        self._options = options
        self._reveal_for = reveal_for
        self._workers = workers
        self._lock = threading.Lock()
        self._opening: dict[HostRef, threading.Lock] = {}
        self._open: dict[HostRef, Transport] = {}
        self._turns: dict[str | None, threading.BoundedSemaphore] = {}
        self._closed = False
        _make_room_for_sockets()

    def transport(self, host: Host) -> Transport:
        """Return the host's transport, opening it if need be; MailprovError if that fails."""
        with self._lock:
            opening = self._opening.setdefault(host.ref, threading.Lock())
        with opening:
            with self._lock:
                if host.ref in self._open:
                    return self._open[host.ref]
            transport = self._opened(host)
            with self._lock:
                if not self._closed:
                    self._open[host.ref] = transport
                    return transport
        transport.close()
        raise unreachable(str(host.key), "the run ended before the host was reached")

    def reopen(self, host: Host) -> Transport:
        """Return a fresh connection in place of the host's; MailprovError if there is none.

        It proves that the host still lets us in: the one before may only have stayed open.
        """
        fresh = self._opened(host)
        with self._lock:
            before = self._open.pop(host.ref, None)
            closed = self._closed
            if not closed:
                self._open[host.ref] = fresh
        if before:
            before.close()
        if closed:
            fresh.close()
            raise unreachable(str(host.key), "the run ended before the host was reached")
        return fresh

    def each(
        self, hosts: Iterable[Host], work: Callable[[Host, Transport], T]
    ) -> Iterator[FleetAnswer[T]]:
        """Do work on every host in parallel; yield each answer as it comes.

        MailprovError becomes the host's answer; anything else is a bug and is raised here.
        Leaving the loop early, or Ctrl-C, closes the fleet.
        """
        waiting: queue.SimpleQueue[Host] = queue.SimpleQueue()
        answers: queue.SimpleQueue[FleetAnswer[T] | BaseException] = queue.SimpleQueue()
        expected = 0
        for host in hosts:
            waiting.put(host)
            expected += 1
        for _ in range(min(self._workers, expected)):
            threading.Thread(
                target=self._work, args=(waiting, work, answers), name="mailprov", daemon=True
            ).start()
        try:
            for _ in range(expected):
                yield _unpacked(answers.get())
        except BaseException:  # GeneratorExit and KeyboardInterrupt too: end the work under way
            self.close()
            raise

    def close(self) -> None:
        """Close every transport; work under way on them ends with an error."""
        with self._lock:
            self._closed = True
            transports = list(self._open.values())
            self._open.clear()
        for transport in transports:
            transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _opened(self, host: Host) -> Transport:
        with self._lock:
            jump = host.ssh.jump
            # Hosts behind one jump host take turns with it; the others with this machine.
            limit = _HANDSHAKES if jump is None else _LOGINS_AT_ONCE
            turn = self._turns.setdefault(jump, threading.BoundedSemaphore(limit))
        if jump is None:
            return open_transport(host, self._options, self._reveal_for(host.ref), turn)
        with turn:
            return open_transport(host, self._options, self._reveal_for(host.ref))

    def _work(
        self,
        waiting: queue.SimpleQueue[Host],
        work: Callable[[Host, Transport], T],
        answers: queue.SimpleQueue[FleetAnswer[T] | BaseException],
    ) -> None:
        while not self._closed:
            try:
                host = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put(FleetAnswer(host, value=work(host, self.transport(host))))
            except MailprovError as error:
                answers.put(FleetAnswer(host, error=error))
            except BaseException as bug:  # noqa: BLE001 - raised again in the caller's thread
                answers.put(bug)


def _make_room_for_sockets() -> None:
    """Let this process have as many files open as it may: a connection is one, often of 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _SOCKETS if hard == resource.RLIM_INFINITY else min(hard, _SOCKETS)
    if soft not in {resource.RLIM_INFINITY, wanted} and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _unpacked(answer: FleetAnswer[T] | BaseException) -> FleetAnswer[T]:
    if isinstance(answer, BaseException):
        raise answer
    return answer
