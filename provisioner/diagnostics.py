"""How this project tells a person that something is wrong.

There is one error type. It carries one or more diagnostics, and each of them
answers four questions: where, what was got, what was wanted, how to fix it. The
exit code belongs to the error because scripts branch on it (docs/reference).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a `mailprov` process tells the shell that called it."""

    OK = 0
    FAILED = 1
    CHANGES_PENDING = 2
    INVALID_SITE = 3
    UNREACHABLE = 4
    REFUSED = 5
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
        """Return the diagnostic as lines for a terminal or a log."""
        head = f"{self.where}: {self.summary}" if self.where else self.summary
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

    For showing what a person wrote: control and bidirectional characters become
    escapes, so that a hostile value cannot rewrite the terminal that reports it.
    """
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    escaped = "".join(
        character
        if character.isprintable() and character not in '"\\'
        else character.encode("unicode_escape").decode("ascii")
        if character not in '"\\'
        else "\\" + character
        for character in shown
    )
    length = "" if len(text) <= limit else f" ({len(text)} characters)"
    return f'"{escaped}"{length}'


def _indented(text: str) -> str:
    return text.replace("\n", "\n        ")


def printable(text: str, limit: int = 0) -> str:
    """Return text with control and bidirectional characters as escapes, cut at `limit`."""
    cut = text if not limit or len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode("ascii")
        for one in cut
    )
