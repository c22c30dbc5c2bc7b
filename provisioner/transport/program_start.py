"""The way into a program: command line, sudo, and the line that says "started".

Whatever the transport, the command that runs is

    [sh -c LOGIN mailprov sudo] sh -c PRELUDE mailprov

and the program follows on stdin. LOGIN says on stderr that the login shell ran what it was
given, before sudo has a word. The prelude sets one environment for every transport (C locale,
the six usual directories in PATH, `/`), prints a marker with its user id on stdout and one on
stderr, reads the program, whose end it knows by a random word, and becomes it. What comes
before the markers is noise of the login shell or of sudo and never reaches the program's reader.

A login shell need not be a POSIX shell. csh and tcsh take each line of a command for one of its
own, and `!` for a word of its history; fish has a backslash of its own in quotes. So the command is
one line, without any of these, and the same whatever program runs.

The markers also decide when a sudo password may be sent: only when sudo has printed
its prompt (a random word) and before the program has started. So no password ever
goes to the program itself, and none stands in argv or the environment.
"""

from __future__ import annotations

import hashlib
import secrets
import shlex
from dataclasses import dataclass, field
from typing import Literal

from provisioner.remote.program import loading_program
from provisioner.remote.protocol import ExitStatus

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ASKS_FOR_PROGRAM = "send"
_NOISE_LIMIT = 64 * 1024
Become = Literal["none", "sudo", "sudo-with-password"]


@dataclass(slots=True)
class ProgramStart:
    """What is known of one start: fed with both streams, it sorts noise from program output.

    uid: the user id that the program runs as, None until it has started. prompts: how
    often sudo has asked for a password.
    """

    become: Become
    require_root: bool = True
    login: bytes = field(default_factory=lambda: _word("mailprov-login"))
    marker: bytes = field(default_factory=lambda: _word("mailprov-start"))
    prompt: bytes = field(default_factory=lambda: _word("mailprov-sudo"))
    end: bytes = field(default_factory=lambda: _word("mailprov-end"))
    uid: int | None = None
    prompts: int = 0
    noise_out: bytes = b""
    noise_err: bytes = b""
    _stderr_begun: bool = False

    def argv(self) -> list[str]:
        """Return the argument vector that waits for the program; nothing in it is secret."""
        inner = ["sh", "-c", self._prelude(), "mailprov"]
        if self.become == "none":
            # Its marker says as much.
            return inner
        asking = ["-S", "-p", self.prompt.decode()]
        mode = asking if self.become == "sudo-with-password" else ["-n"]
        inner = ["env", "LC_ALL=C", "sudo", *mode, "--", *inner]
        return ["sh", "-c", f'echo {self.login.decode()} >&2; exec "$@"', "mailprov", *inner]

    def command_line(self) -> str:
        """Return the same for a login shell, one line for sh, bash, zsh, csh, tcsh and fish."""
        return "exec " + shlex.join(self.argv())

    def program(self, text: str, args: tuple[str, ...]) -> bytes:
        """Return what stdin has to begin with: a program and its arguments.

        Raises ValueError for a NUL, which no argument can have.
        """
        program = f"set -- {shlex.join(args)}\n{text}\n#"
        if "\0" in program:
            raise ValueError("a NUL in a program or its arguments")
        return b"%d\n%s%s" % (len(program.encode()) + len(self.end), program.encode(), self.end)

    def kept_program(self, text: str, args: tuple[str, ...]) -> tuple[bytes, bytes]:
        """Return what stdin begins with where the host may have a program, and the program itself.

        The latter is for a host that asks for it, by the line ASKS_FOR_PROGRAM.
        """
        if "\0" in text:
            raise ValueError("a NUL in a program")
        # Its last line may not run on into the end's.
        content = text.removesuffix("\n").encode() + b"\n"
        sent = content + b"#" + self.end
        digest = hashlib.sha256(content).hexdigest()
        about = (digest, str(len(sent)), self.end.decode())
        return self.program(loading_program(), (*about, *args)), sent

    def _prelude(self) -> str:
        word, end = self.marker.decode(), self.end.decode()
        check = f'[ "$u" = 0 ] || exit {ExitStatus.NOT_ROOT:d}; ' if self.require_root else ""
        # What arrives in part, because the connection is lost, is not begun.
        return (
            f"LC_ALL=C; PATH={_PATH}; export LC_ALL PATH; cd /; "
            # The effective one (proc_pid_status(5)); to start id(1) takes longer than all of this.
            "u=; while read -r w x y z; do case $w in Uid:) u=$y; break ;; esac; "
            "done </proc/self/status; u=${u:-$(id -u)}; "
            f'echo "{word} $u"; echo {word} >&2; {check}read -r n; p=$(head -c "$n"); '
            f'case $p in *{end}) eval "$p" ;; *) exit {ExitStatus.CUT:d} ;; esac'
        )

    @property
    def logged_in(self) -> bool:
        """Whether the login shell ran what it was given."""
        return self.started or self.prompts > 0 or self.login in self.noise_err

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
        said = self.noise_err.replace(self.prompt, b"").replace(self.login + b"\n", b"")
        return said + self.noise_out


def _word(purpose: str) -> bytes:
    return f"{purpose}-{secrets.token_hex(16)}".encode()
