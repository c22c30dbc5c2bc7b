"""Ctrl-C while hosts are at work: what becomes of each without whoever ran this.

A host does not stop because its connection ends. It finishes what it was told, keeps that
pending, and takes it back when nobody confirms it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import HostRef
from provisioner.verbs.run import Naming, by_key


class AtWork:
    """The hosts that are at work, and what to tell of each that is left there.

    what: what it was doing, in one sentence. fix: what becomes of it, and what to do.
    """

    def __init__(self, what: str, fix: str, name: Naming = by_key) -> None:
        self._what = what
        self._fix = fix
        self._name = name
        self._hosts: dict[HostRef, None] = {}

    @contextmanager
    def on(self, host: HostRef) -> Iterator[None]:
        """Have a host at work within a `with` block; one that is out of reach still is."""
        self._hosts[host] = None
        try:
            yield
        except MailprovError as error:
            # Ctrl-C closes the connections before anybody can look who was at work.
            if error.exit_code is not ExitCode.UNREACHABLE:
                self._hosts.pop(host)
            raise
        self._hosts.pop(host)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Turn Ctrl-C into MailprovError (interrupted) where hosts are at work."""
        try:
            yield
        except KeyboardInterrupt as interrupt:
            told = [
                Diagnostic(self._what, self._name(host), fix=self._fix)
                for host in list(self._hosts)
            ]
            if not told:
                raise
            raise MailprovError(told, ExitCode.INTERRUPTED) from interrupt
