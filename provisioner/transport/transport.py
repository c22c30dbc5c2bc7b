"""What the transports share: entering a program as root, and running it to its end."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable

from provisioner.model.names import HostKey
from provisioner.model.site import Host
from provisioner.transport.dialogue import Dialogue, Process
from provisioner.transport.failures import unreachable
from provisioner.transport.options import Reveal, SshOptions
from provisioner.transport.program_start import Become, ProgramStart
from provisioner.transport.start_failures import LoginPeer
from provisioner.verbs.ports import Completed


class DialogueTransport(ABC):
    """The half of a `Transport` that does not depend on what carries the streams.

    user: the login name. peer: the other end as a person reads it.
    """

    def __init__(
        self, host: Host, options: SshOptions, reveal: Reveal, *, user: str, peer: str
    ) -> None:
        self._host = host
        self._options = options
        self._reveal = reveal
        self._user = user
        self._peer = peer
        self._where = f"{host.key} ({peer})"

    @property
    def host(self) -> HostKey:
        """The host's key in the site file."""
        return self._host.key

    @property
    def peer(self) -> str:
        """The other end in a person's words."""
        return self._peer

    def start(
        self, program: str, *args: str, timeout: float, doing: str = "", keep: bool = False
    ) -> Dialogue:
        """Run a program; see `Transport.start`."""
        become = self._become()
        start = ProgramStart(become, require_root=self._options.require_root)
        begin, wanted = start.program(program, args), None
        if keep:
            begin, wanted = start.kept_program(program, args)
        return Dialogue(
            self._process(start),
            start,
            begin,
            wanted=wanted,
            peer=LoginPeer(self._where, self._host.key, self._user),
            limit=timeout,
            doing=doing,
            sudo_password=self._sudo_password() if become == "sudo-with-password" else None,
        )

    def run(
        self,
        program: str,
        *args: str,
        stdin: bytes = b"",
        timeout: float,
        doing: str = "",
        keep: bool = False,
    ) -> Completed:
        """Run a program to its end; see `Transport.run`."""
        with self.start(program, *args, timeout=timeout, doing=doing, keep=keep) as conversation:
            conversation.send(stdin)
            return conversation.result()

    @abstractmethod
    def open_tcp(self, address: str, port: int, timeout: float) -> socket.socket:
        """Return a TCP connection made from the host; see `Transport.open_tcp`."""

    @abstractmethod
    def close(self) -> None:
        """End the connection and all that runs over it."""

    @abstractmethod
    def _process(self, start: ProgramStart) -> Process:
        """Return the process that will run a program."""

    @abstractmethod
    def _is_root(self) -> bool:
        """Whether the login is root's, so that sudo has nothing to add."""

    def _become(self) -> Become:
        if self._host.ssh.become is None or self._is_root():
            return "none"
        return "sudo" if self._host.ssh.become_password is None else "sudo-with-password"

    def _sudo_password(self) -> Callable[[], str] | None:
        reference = self._host.ssh.become_password
        return None if reference is None else lambda: self._one_line(self._reveal(reference))

    def _one_line(self, password: str) -> str:
        """Return the password; sudo reads one line, and the rest would go to the program."""
        if "\n" in password or "\0" in password:
            raise unreachable(
                self._where,
                "the password for sudo contains a line break or a NUL character",
                want="one line",
                fix=f"correct what hosts.{self._host.key}.ssh.become_password refers to",
            )
        return password
