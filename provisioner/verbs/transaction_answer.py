"""What transact.sh and settle.sh answer while they work, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, as_root
from provisioner.remote.protocol import Section, follow, free_text


@dataclass
class TransactionAnswer:
    """How a transaction went.

    checks: complaints of the daemons' checkers. failed: the step that did, with its
    output. locked: who holds the lock. pending: the serial of a configuration that has to be
    confirmed, empty where there is none. begun: whether a step was that changes what is live.
    ended, kept: users who lost their access, by whether their open sessions could be ended.
    edited: files that somebody changed after the host was observed. down: units that did not
    come up with the configuration before, each with its last log lines. held: rows of the
    mail on hold, queue id and domain, tabbed. history: the last line of it.
    """

    checks: list[str] = field(default_factory=list)
    failed: str = ""
    output: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    down: dict[str, list[str]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    history: str = ""
    pending: str = ""
    begun: bool = False
    finished: bool = False

    def notes(self) -> tuple[str, ...]:
        """Return what a person is told of the sessions of users who lost their access."""
        # Sessions are looked for more than once, so that a host may say the same again.
        ended, kept = (", ".join(dict.fromkeys(self.ended)), "; ".join(dict.fromkeys(self.kept)))
        return (
            *([f"logged out because of changed access: {ended}"] if ended else []),
            *([f"mailprov could not end open sessions: {kept}"] if kept else []),
        )

    def take_head(self, section: str, argument: str) -> None:
        """Take the first line of a section."""
        match section:
            case Section.STEP:
                self.begun = self.begun or argument.partition(" ")[0] not in {"check", "prepare"}
            case Section.FAILED:
                self.failed = argument
            case Section.PENDING:
                self.pending = argument
            case Section.FINISHED:
                self.finished = True
            case Section.ENDED:
                self.ended.append(argument)
            case Section.KEPT:
                self.kept.append(argument)
            case Section.DOWN:
                self.down[argument] = []

    def take_body(self, section: str, argument: str, text: str) -> None:
        """Take a further line of a section."""
        match section:
            case Section.CHECK:
                self.checks.append(f"{argument.rpartition(' ')[0]}: {text}")
            case Section.FAILED:
                self.output.append(text)
            case Section.LOCKED:
                self.locked.append(text)
            case Section.KEPT:
                self.kept[-1] += f" ({text})"
            case Section.EDITED:
                self.edited.append(text)
            case Section.DOWN:
                self.down[argument].append(text)
            case Section.HELD:
                self.held.append(text)
            case Section.HISTORY:
                self.history = text


class ReturnedError(MailprovError):
    """The configuration before is in force again. answer: what the host told on the way."""

    def __init__(self, where: str, diagnostic: Diagnostic, answer: TransactionAnswer) -> None:
        super().__init__([diagnostic, *down_diagnostics(where, answer)], ExitCode.FAILED)
        self.answer = answer


def down_diagnostics(where: str, answer: TransactionAnswer) -> tuple[Diagnostic, ...]:
    """Return what a person is told of services that a return could not bring up."""
    return tuple(
        Diagnostic(
            summary=f"{unit} did not restart with the old configuration",
            where=where,
            got="\n".join(lines),
            want=f"{unit} active",
            fix="remove the cause above, then on the host: "
            f"{as_root('systemctl', 'restart', unit)}; `mailprov status` shows whether "
            "all units run",
        )
        for unit, lines in answer.down.items()
    )


def read_answer(lines: Iterable[str], tell: Callable[[str], None]) -> TransactionAnswer:
    """Return the answer in these lines, and tell of each step as it begins.

    A program that ends well ends with `@finished`, and no section follows it.
    """
    answer = TransactionAnswer()
    for section, argument, line in follow(lines):
        if line is not None:
            answer.take_body(section, argument, free_text(line))
            continue
        answer.take_head(section, argument)
        if section == Section.STEP:
            tell(_in_words(argument))
    return answer


def _in_words(step: str) -> str:
    """Return what a step means to a person who watches; steps are those of transact.sh."""
    name, _, argument = step.partition(" ")
    words = {
        "check": "checking the new configuration",
        "group": "creating accounts",
        "account": "creating accounts",
        "password": "setting passwords",
        "lock": "locking accounts",
        "directory": "creating directories",
        "recipe": "creating keys",
        "prepare": "writing files",
        "activate": "activating files",
        "admit": "activating files",
        "table": "updating the user tables",
        "remove": "removing files",
        "await_resolver": "waiting for the resolver",
        "access": "setting owners and modes",
        "restore": "restoring the services as found",
        "record_directory": "recording the users",
        "begin": "saving the current files",
        "soften": "enabling soft_bounce until the change is confirmed",
    }
    return words.get(name) or f"{name} {argument.removesuffix('.service')}"
