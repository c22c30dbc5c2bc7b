"""What remote programs are asked and what they answer: the one place that names the words.

An answer is text in sections, each headed by a line `@name argument`. The lines of a section are
the named tool's own output, which a host may have made anything of; free text has a `|` before
it, so that it cannot look like a section. Whoever reads an answer does so by `follow`, as it
comes, or by `Answer`, once it is whole, and reads lines by `read_line`, `each` or `whole`: what is
not as it should be comes out as one exception that says which section it was in and what was there.

What is asked are rows of tabbed fields, each headed by a word of `Asked` (on the standard input
of a program that looks) or of `Staged` (in the archive of a transaction, plan/transaction.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import NamedTuple, TypeVar

T = TypeVar("T")

UNREADABLE = (ValueError, LookupError, TypeError, ArithmeticError, RecursionError)
"""What reading a text raises that has another form than it should."""


class Section(StrEnum):
    """Every section that a remote program tells, by the word that heads it."""

    # How far a program is, and how it ended.
    READY = "ready"
    END = "end"
    FINISHED = "finished"
    STEP = "step"
    PROGRESS = "progress"
    FAILED = "failed"
    REFUSED = "refused"
    LOCKED = "locked"
    # The host introduces itself (observe.sh, versions.sh).
    DAEMONS = "daemons"
    PARAMETERS = "parameters"
    HEAD = "head"
    PENDING = "pending"
    MACHINE = "machine"
    PLATFORM = "platform"
    MANAGED = "managed"
    DIRECTORY = "directory"
    UNFINISHED = "unfinished"
    ACTIVATING = "activating"
    CREDENTIALS = "credentials"
    CARRIERS = "carriers"
    FIREWALL = "firewall"
    RESOLVER = "resolver"
    # What was observed.
    PACKAGES = "packages"
    ADDRESSES = "addresses"
    FILES = "files"
    DIGESTS = "digests"
    CONTENT = "content"
    LEFT = "left"
    FIXED = "fixed"
    MAIL_SERVER = "mail-server"
    TABLE = "table"
    ACCOUNTS = "accounts"
    SHADOW = "shadow"
    SPOOLS = "spools"
    GROUPS = "groups"
    UNITS = "units"
    LISTENING = "listening"
    OWN = "own"
    HOLDERS = "holders"
    CONNECTION = "connection"
    DISPLACED = "displaced"
    OWNERS = "owners"
    RECIPES = "recipes"
    RESOURCES = "resources"
    CERTIFICATE = "certificate"
    CHECK = "check"
    SOCKETS = "sockets"
    PROBE_SECRET = "probe-secret"  # noqa: S105 the word, not the secret
    PROBE_TOKEN = "probe-token"  # noqa: S105
    LINKS = "links"
    STORE = "store"
    # What `status` asks beside.
    CLOCK = "clock"
    APPLIED = "applied"
    SINCE = "since"
    DISK = "disk"
    QUEUE = "queue"
    # A transaction, its end and its return.
    EDITED = "edited"
    ENDED = "ended"
    KEPT = "kept"
    DOWN = "down"
    HELD = "held"
    HISTORY = "history"
    # Earlier generations and directories.
    GENERATIONS = "generations"
    SNAPSHOTS = "snapshots"
    RECORD = "record"
    FILE = "file"
    DAMAGED = "damaged"
    RESTORED = "restored"
    CARRIER = "carrier"
    PASSWORD = "password"  # noqa: S105
    LOCKED_ACCOUNT = "locked-account"
    NOTHING = "nothing"
    ABSENT = "absent"
    DELETED = "deleted"
    # The mail log.
    NOW = "now"
    SOURCE = "source"
    # The way out.
    SETTINGS = "settings"
    ROUTES = "routes"
    REACH = "reach"
    NAMES = "names"
    LOGIN = "login"
    # On standard error: why the state on the host is not touched (state.sh); tabbed.
    STATE = "state"


class ExitStatus(IntEnum):
    """Exit statuses of remote programs, beside those of the shell and of signals.

    REFUSED: the daemons' checkers, or the host's rules, object. ABSENT: what was named is not
    there any more. UNSUITABLE: the host is not in the condition for it. EDITED: somebody changed
    files. CARRIER: this connection hangs on what would change. FAILED: a step did. RETURNED:
    likewise, and the configuration before is back. LOCKED: somebody else is at work. UNFIT_STATE:
    the state on the host is damaged, or a newer version's. NOT_ROOT, CUT: the program was not
    begun, because the login is not root's, or because only a part of it came.
    """

    DONE = 0
    USAGE = 64
    REFUSED = 65
    ABSENT = 66
    UNSUITABLE = 67
    EDITED = 68
    CARRIER = 69
    FAILED = 70
    RETURNED = 71
    LOCKED = 75
    UNFIT_STATE = 76
    NOT_ROOT = 77
    CUT = 78


class Asked(StrEnum):
    """Rows that tell a program what to look at."""

    PACKAGE = "package"
    FILE = "file"
    TABLE = "table"
    ACCOUNT = "account"
    SHADOW = "shadow"
    GROUP = "group"
    UNIT = "unit"
    RUNS = "runs"
    PORT = "port"
    RECIPE = "recipe"
    CERTIFICATE = "certificate"
    RESOURCE = "resource"
    CHECK = "check"
    SOCKETS = "sockets"
    SECRET = "secret"  # noqa: S105
    LINK = "link"
    STORE = "store"
    STATUS = "status"
    # Of the mail log.
    SINCE = "since"
    LIMIT = "limit"
    PATTERN = "pattern"
    CONTEXT = "context"
    # Of the way out.
    RECEIVER = "receiver"
    ADDRESS = "address"
    # Of the end of all.
    MADE = "made"


class Staged(StrEnum):
    """Rows of a transaction; plan/transaction.py says what each means."""

    CHECK = "check"
    STAGE = "stage"
    TABLE = "table"
    RECIPE = "recipe"
    RESOURCE = "resource"
    REMOVE = "remove"
    MANAGED = "managed"
    DIRECTORY = "directory"
    SEEN = "seen"
    UNDO = "undo"
    LOCK_LATER = "lock-later"
    REMOVE_LATER = "remove-later"
    OWED = "owed"
    ADOPT = "adopt"
    RECORD = "record"
    MAIN = "main"
    EXPECT = "expect"
    ACT_DIRECTORY = "act-directory"
    ACT_CONFIGURATION = "act-configuration"


_SECRET = frozenset({Section.SHADOW, Section.CREDENTIALS, Section.PROBE_SECRET})


class MalformedError(ValueError):
    """A part of an answer that has no form we know.

    section: its name. line: what was there, empty where that may be a secret.
    """

    def __init__(self, section: str, line: str) -> None:
        self.section = section
        self.line = "" if section in _SECRET else line
        super().__init__(f"{section}: {self.line!r}")


class Line(NamedTuple):
    """One line as it comes: of which section, and its text; text is None where it heads it."""

    section: str
    argument: str
    text: str | None


class Part(NamedTuple):
    """A section with all its lines, as they are."""

    section: str
    argument: str
    lines: list[str]


def follow(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the lines of an answer as they come; what is before any section has an empty one."""
    section = argument = ""
    for line in lines:
        if line.startswith("@"):
            section, _, argument = line[1:].partition(" ")
            yield Line(section, argument, None)
        else:
            yield Line(section, argument, line)


def split_sections(lines: Iterable[str]) -> Iterator[Part]:
    """Yield each section with its lines."""
    current: Part | None = None
    for section, argument, text in follow(lines):
        if text is None:
            if current is not None:
                yield current
            current = Part(section, argument, [])
        elif current is not None:
            current.lines.append(text)
    if current is not None:
        yield current


def up_to(section: Section, lines: Iterable[str]) -> Iterator[str]:
    """Yield lines as they come, up to the one that heads this section."""
    for line in lines:
        yield line
        if line == f"@{section}":
            return


def free_text(line: str) -> str:
    """Return what a tool said, without the mark that it is no section."""
    return line.removeprefix("|")


@dataclass(frozen=True)
class Answer:
    """A whole answer, or one of its flights."""

    parts: tuple[Part, ...]

    @classmethod
    def read(cls, lines: Iterable[str]) -> Answer:
        """Return the answer in these lines (without line ends)."""
        return cls(tuple(split_sections(lines)))

    @cached_property
    def plain(self) -> Mapping[str, list[str]]:
        """The lines of each section that has no argument; of several alike, the last's."""
        return {part.section: part.lines for part in self.parts if not part.argument}

    def lines(self, section: Section) -> list[str]:
        """Return the lines of a section without an argument, none where it is missing."""
        return self.plain.get(section, [])

    def every(self, section: Section) -> Iterator[Part]:
        """Yield all parts of that name, in order."""
        return (part for part in self.parts if part.section == section)

    def ends_with(self, section: Section) -> bool:
        """Tell whether the answer came to its end, which this section marks."""
        return self.parts[-1:] == (Part(section, "", []),)


def read_line(section: str, line: str, read: Callable[[str], T]) -> T:
    """Return what a line says; MalformedError where `read` cannot make anything of it."""
    try:
        return read(line)
    except UNREADABLE as error:
        raise MalformedError(section, line) from error


def each(section: str, lines: Iterable[str], read: Callable[[str], T]) -> Iterator[T]:
    """Yield what each line says, as `read_line` does."""
    for line in lines:
        yield read_line(section, line, read)


def whole(section: str, lines: list[str], read: Callable[[list[str]], T]) -> T:
    """Return what a section says as a whole; MalformedError if `read` can make nothing of it."""
    try:
        return read(lines)
    except MalformedError:
        raise
    except UNREADABLE as error:
        raise MalformedError(section, "\n".join(lines)) from error


def fields(line: str, count: int, separator: str = "\t") -> list[str]:
    """Return a line's fields; ValueError if it has not just so many."""
    found = line.split(separator)
    if len(found) != count:
        raise ValueError(f"{len(found)} fields, not {count}")
    return found


def rows_text(rows: Iterable[tuple[str, ...]]) -> bytes:
    """Return rows as a program reads them."""
    return "".join("\t".join(row) + "\n" for row in rows).encode()
