"""The way into a program: command line, sudo, and the line that says "started".

Whatever the transport, the command that runs is

    [sudo] sh -c PRELUDE mailprov PROGRAM mailprov ARGS…

The prelude sets one environment for every transport (C locale, the six usual
directories in PATH, `/`), prints a marker with its user id on stdout and one on
stderr, and becomes `sh -c PROGRAM mailprov ARGS…`. What comes before the markers is
noise of the login shell or of sudo and never reaches the program's reader.

The markers also decide when a sudo password may be sent: only when sudo has printed
its prompt (a random word) and before the program has started. So no password ever
goes to the program itself, and none stands in argv or the environment.
"""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass, field
from typing import Literal

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NOT_ROOT_STATUS = 77
_NOISE_LIMIT = 64 * 1024
COMMAND_LIMIT = 128 * 1024 - 1
"""Linux takes no longer single argument (MAX_ARG_STRLEN, execve(2)), and a login shell gets one."""

Become = Literal["none", "sudo", "sudo-with-password"]


@dataclass(slots=True)
class Entry:
    """What is known of one start: fed with both streams, it sorts noise from program output.

    uid: the user id that the program runs as, None until it has started. prompts: how
    often sudo has asked for a password.
    """

    become: Become
    require_root: bool = True
    marker: bytes = field(default_factory=lambda: _word("mailprov-start"))
    prompt: bytes = field(default_factory=lambda: _word("mailprov-sudo"))
    uid: int | None = None
    prompts: int = 0
    noise_out: bytes = b""
    noise_err: bytes = b""
    _stderr_begun: bool = False

    def argv(self, program: str, args: tuple[str, ...]) -> list[str]:
        """Return the argument vector that starts the program; nothing in it is secret."""
        shell = ["sh", "-c", self._prelude(), "mailprov", program, "mailprov", *args]
        if self.become == "none":
            return shell
        mode = ["-S", "-p", self.prompt.decode()] if self.become == "sudo-with-password" else ["-n"]
        return ["env", "LC_ALL=C", "sudo", *mode, "--", *shell]

    def command_line(self, program: str, args: tuple[str, ...]) -> str:
        """Return the same for a login shell (sh, bash, dash, zsh); ValueError if it is too long."""
        line = "exec " + shlex.join(self.argv(program, args))
        if len(line.encode()) > COMMAND_LIMIT:
            raise ValueError(f"the program with its arguments is over {COMMAND_LIMIT} bytes")
        return line

    def _prelude(self) -> str:
        word = self.marker.decode()
        check = f'[ "$u" = 0 ] || exit {NOT_ROOT_STATUS}; ' if self.require_root else ""
        return (
            f"LC_ALL=C; PATH={_PATH}; export LC_ALL PATH; cd /; u=$(id -u); "
            f'echo "{word} $u"; echo {word} >&2; {check}exec sh -c "$@"'
        )

    @property
    def started(self) -> bool:
        """Whether the program has been reached."""
        return self.uid is not None

    def take_stdout(self, chunk: bytes) -> bytes:
        """Return the part of a piece of stdout that the program wrote."""
        if self.started:
            return chunk
        self.noise_out += chunk
        noise, found, rest = self.noise_out.partition(self.marker + b" ")
        uid, ended, output = rest.partition(b"\n")
        if not (found and ended):
            self.noise_out = self.noise_out[-_NOISE_LIMIT:]
            return b""
        self.noise_out = noise
        self.uid = int(uid)
        return output

    def take_stderr(self, chunk: bytes) -> bytes:
        """Return the part of a piece of stderr that the program wrote; count sudo's prompts."""
        if self._stderr_begun:
            return chunk
        self.noise_err += chunk
        noise, found, output = self.noise_err.partition(self.marker + b"\n")
        self.prompts = noise.count(self.prompt)
        if not found:
            self.noise_err = self.noise_err[-_NOISE_LIMIT:]
            return b""
        self._stderr_begun = True
        self.noise_err = noise
        return output

    def said(self) -> bytes:
        """Return what login shell and sudo printed, without the prompts."""
        return self.noise_err.replace(self.prompt, b"") + self.noise_out


def _word(purpose: str) -> bytes:
    return f"{purpose}-{secrets.token_hex(16)}".encode()
