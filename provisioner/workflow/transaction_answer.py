"""What transact.sh answers while it works, line by line.

A line `@section argument` heads a section; a tool's own lines in it begin with `|`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class TransactionAnswer:
    """How a transaction went.

    checks: complaints of the daemons' checkers. failed: the step that did, with its
    output. locked: who holds the lock. pending: the serial of a configuration that has to be
    confirmed, empty where there is none. begun: whether a step was that changes what is live.
    ended, kept: users who lost their access, by whether their open sessions could be ended.
    """

    checks: list[str] = field(default_factory=list)
    failed: str = ""
    output: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    pending: str = ""
    begun: bool = False
    finished: bool = False

    def notes(self) -> tuple[str, ...]:
        """Return what a person is told of the sessions of users who lost their access."""
        ended = f"logged out, because their access changed: {', '.join(self.ended)}"
        kept = f"open sessions could not be ended: {'; '.join(self.kept)}"
        return (*([ended] if self.ended else []), *([kept] if self.kept else []))

    def take_head(self, section: str, argument: str) -> None:
        """Take the first line of a section."""
        match section:
            case "step":
                self.begun = self.begun or argument.split(maxsplit=1)[0] not in {"check", "prepare"}
            case "failed":
                self.failed = argument
            case "pending":
                self.pending = argument
            case "finished":
                self.finished = True
            case "ended":
                self.ended.append(argument)
            case "kept":
                self.kept.append(argument)

    def take_body(self, section: str, argument: str, text: str) -> None:
        """Take a further line of a section."""
        match section:
            case "check":
                self.checks.append(f"{argument.rpartition(' ')[0]}: {text}")
            case "failed":
                self.output.append(text)
            case "locked":
                self.locked.append(text)
            case "kept":
                self.kept[-1] += f" ({text})"


def read_answer(lines: Iterable[str], tell: Callable[[str], None]) -> TransactionAnswer:
    """Return the answer in these lines, and tell of each step as it begins."""
    answer = TransactionAnswer()
    section = argument = ""
    for line in lines:
        if not line.startswith("@"):
            answer.take_body(section, argument, line.removeprefix("|"))
            continue
        section, _, argument = line[1:].partition(" ")
        answer.take_head(section, argument)
        if section == "step":
            tell(_in_words(argument))
    return answer


def _in_words(step: str) -> str:
    """Return what a step means to a person who watches; steps are those of transact.sh."""
    name, _, argument = step.partition(" ")
    words = {
        "check": "checking the new configuration",
        "group": "making accounts",
        "account": "making accounts",
        "password": "setting passwords",
        "lock": "locking accounts",
        "directory": "making directories",
        "recipe": "making keys",
        "prepare": "writing files",
        "activate": "activating files",
        "admit": "activating files",
        "remove": "removing files",
        "await_resolver": "waiting for the resolver",
        "access": "setting owners and modes",
        "restore": "starting services as they were found",
        "record_directory": "recording the users",
        "begin": "keeping what is there now",
        "soften": "having Postfix keep what it cannot deliver",
    }
    return words.get(name) or f"{name} {argument.removesuffix('.service')}"
