"""How this project tells a person that something is wrong.

There is one error type. It carries one or more diagnostics, and each of them
answers four questions: where, what was got, what was wanted, how to fix it. The
exit code belongs to the error because scripts branch on it (docs/reference).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

# What str.isprintable passes and nobody sees: Default_Ignorable_Code_Point of Unicode's
# DerivedCoreProperties.txt, as far as it is a letter or a mark.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class ExitCode(IntEnum):
    """What a `mailprov` process tells the shell that called it."""

    OK = 0
    FAILED = 1
    CHANGES_PENDING = 2
    INVALID_SITE = 3
    UNREACHABLE = 4
    REFUSED = 5
    GATE_CLOSED = 6
    USAGE = 64
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing that is wrong, told once.

    summary: one sentence, no full stop. where: `site.yaml:7:12`, a host or a host
    and a path. got, want: values as text, already free of secrets. fix: what to do.
    Empty fields are left out of the rendering.
    """

    summary: str
    where: str = ""
    got: str = ""
    want: str = ""
    fix: str = ""

    def render(self) -> str:
        """Return the diagnostic as lines for a terminal or a log.

        A host's words may be in each field. Line ends are kept in got, want and fix, whose
        further lines are indented: nothing there passes for a diagnostic's first line.
        """
        head = printable(f"{self.where}: {self.summary}" if self.where else self.summary)
        rows = (("got", self.got), ("want", self.want), ("fix", self.fix))
        body = [f"  {label + ':':5} {_indented(text)}" for label, text in rows if text]
        return "\n".join([head, *body])

    def as_json(self) -> dict[str, str]:
        """Return the diagnostic as a JSON object; empty fields are left out."""
        pairs = {
            "summary": self.summary,
            "where": self.where,
            "got": self.got,
            "want": self.want,
            "fix": self.fix,
        }
        return {key: text for key, text in pairs.items() if text}


class MailprovError(Exception):
    """Work that cannot go on, with everything a person needs to go on themselves."""

    def __init__(
        self,
        diagnostics: Diagnostic | Iterable[Diagnostic],
        exit_code: ExitCode = ExitCode.FAILED,
    ) -> None:
        if isinstance(diagnostics, Diagnostic):
            diagnostics = (diagnostics,)
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        self.exit_code = exit_code
        super().__init__("\n".join(diagnostic.render() for diagnostic in self.diagnostics))


def quoted(text: str, limit: int = 120) -> str:
    """Return text in double quotes, on one line, printable and at most `limit` characters.

    For showing what a person wrote: quotes and backslashes are escaped, too.
    """
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    escaped = "".join(f"\\{one}" if one in '"\\' else printable(one) for one in shown)
    length = "" if len(text) <= limit else f" ({len(text)} characters)"
    return f'"{escaped}"{length}'


# Where they are on every platform that mailprov knows.
_PLACES = {
    **dict.fromkeys(("apt-get", "docker", "journalctl", "mkdir", "mv", "systemctl"), "/usr/bin"),
    **dict.fromkeys(("groupadd", "postqueue", "postsuper", "usermod"), "/usr/sbin"),
}


def as_root(program: str, *arguments: str) -> str:
    """Return a command that may be pasted into root's shell, whatever its arguments are.

    The program is named by its path, which no other folder in PATH can hide; arguments are
    quoted. Shell built-ins stay as they are.
    """
    place = _PLACES.get(program)
    name = f"{place}/{program}" if place else program
    return " ".join([name, *map(shlex.quote, arguments)])


def printable(text: str, limit: int = 0, keep: str = "") -> str:
    """Return text as one line that a terminal shows as it is, cut at `limit`.

    Whatever steers a terminal, hides or turns text, or ends a line becomes an escape: C0 and
    C1 controls (ECMA-48), bidirectional and zero-width characters, separators, surrogates.
    keep: characters that stay although they are such. What was escaped once stays as it is.
    """
    cut = text if not limit or len(text) <= limit else text[: limit - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(one if one in keep or _is_seen(one) else _escaped(one) for one in cut)


def _is_seen(character: str) -> bool:
    return character.isprintable() and not _UNSEEN.match(character)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _indented(text: str) -> str:
    return "\n        ".join(printable(line, keep="\t") for line in text.split("\n"))
