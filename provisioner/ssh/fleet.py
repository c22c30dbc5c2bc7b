"""Many hosts at once: transports opened in parallel, each host's failure its own.

The workers are daemon threads, not a thread pool: a pool is joined when the interpreter
ends, and Ctrl-C would then wait for the slowest connection attempt.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostKey
from provisioner.model.site import Host
from provisioner.ssh.failures import unreachable
from provisioner.ssh.opening import open_transport
from provisioner.ssh.options import Reveal, SshOptions
from provisioner.workflow.ports import Transport

T = TypeVar("T")

_WORKERS = 32
_LOGINS_AT_ONCE = 8
"""Half-open logins, below the 10 at which sshd starts to drop them (MaxStartups), so that
hosts behind one jump host do not lock each other out."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of the work on one host: a value or an error."""

    host: Host
    value: T | None = None
    error: MailprovError | None = None


class Fleet:
    """The open transports of a run; leaving its `with` block closes them all.

    Each host is opened once, when it is first needed.
    """

    def __init__(self, options: SshOptions, reveal: Reveal, workers: int = _WORKERS) -> None:
        self._options = options
        self._reveal = reveal
        self._workers = workers
        self._lock = threading.Lock()
        self._opening: dict[HostKey, threading.Lock] = {}
        self._open: dict[HostKey, Transport] = {}
        self._logins: dict[str | None, threading.BoundedSemaphore] = {}
        self._closed = False

    def transport(self, host: Host) -> Transport:
        """Return the host's transport, opening it if need be; MailprovError if that fails."""
        with self._lock:
            opening = self._opening.setdefault(host.key, threading.Lock())
        with opening:
            with self._lock:
                if host.key in self._open:
                    return self._open[host.key]
            with self._turn(host):
                transport = open_transport(host, self._options, self._reveal)
            with self._lock:
                if not self._closed:
                    self._open[host.key] = transport
                    return transport
        transport.close()
        raise unreachable(str(host.key), "the run was ended before the host was reached")

    def reopen(self, host: Host) -> Transport:
        """Return a fresh connection in place of the host's; MailprovError if there is none.

        It proves that the host still lets us in: the one before may only have stayed open.
        """
        with self._turn(host):
            fresh = open_transport(host, self._options, self._reveal)
        with self._lock:
            before = self._open.pop(host.key, None)
            closed = self._closed
            if not closed:
                self._open[host.key] = fresh
        if before:
            before.close()
        if closed:
            fresh.close()
            raise unreachable(str(host.key), "the run was ended before the host was reached")
        return fresh

    def each(
        self, hosts: Iterable[Host], work: Callable[[Host, Transport], T]
    ) -> Iterator[Answer[T]]:
        """Do work on every host in parallel; yield each answer as it comes.

        MailprovError becomes the host's answer; anything else is a bug and is raised here.
        Leaving the loop early, or Ctrl-C, closes the fleet.
        """
        waiting: queue.SimpleQueue[Host] = queue.SimpleQueue()
        answers: queue.SimpleQueue[Answer[T] | BaseException] = queue.SimpleQueue()
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

    def _turn(self, host: Host) -> threading.BoundedSemaphore:
        """Return what admits a login: hosts behind the same jump host take turns."""
        with self._lock:
            limit = self._workers if host.ssh.jump is None else _LOGINS_AT_ONCE
            return self._logins.setdefault(host.ssh.jump, threading.BoundedSemaphore(limit))

    def _work(
        self,
        waiting: queue.SimpleQueue[Host],
        work: Callable[[Host, Transport], T],
        answers: queue.SimpleQueue[Answer[T] | BaseException],
    ) -> None:
        while not self._closed:
            try:
                host = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put(Answer(host, value=work(host, self.transport(host))))
            except MailprovError as error:
                answers.put(Answer(host, error=error))
            except BaseException as bug:  # noqa: BLE001 - raised again in the caller's thread
                answers.put(bug)


def _unpacked(answer: Answer[T] | BaseException) -> Answer[T]:
    if isinstance(answer, BaseException):
        raise answer
    return answer
