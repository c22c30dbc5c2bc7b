"""The user's ssh habits: ssh_config(5) files, as far as they matter here.

`parse_client_config` turns text into settings, each with the conditions under which it
counts; `ClientConfig.lookup` answers for one host. As in ssh, the first value found
wins, except for IdentityFile, which adds up; `Include` inside a block counts only
where the block does.

Unlike ssh, which knows a host by the one name that was typed, a lookup may carry several
names (the host's address, full name and key in the site file): a `Host` block counts when
a pattern matches any of them and no negated pattern matches any.

Match criteria: all, final, host, originalhost, user, localuser, exec. A block with any
other (canonical, tagged, localnetwork …) does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

_IGNORED_CASE_KEYWORD = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)")
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|((?:[^\s"\\]|\\.)+)')
_INCLUDE_DEPTH = 16  # as in ssh's readconf.c
_ADDS_UP = frozenset({"identityfile"})
_WHOLE_LINE = frozenset({"proxycommand"})

ReadInclude = Callable[[str], Iterable[str]]
"""Returns the texts of the files that an Include argument names, in order."""


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """A Host or Match line; each one is itself, however much it looks like another."""

    kind: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One line, which counts where all its blocks do (several, where a file is included).

    A line that begins a block stands there too, without arguments, as the first in it.
    """

    keyword: str
    arguments: tuple[str, ...]
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Whom a lookup is about: names that mean the host, who asks, and as whom they log in.

    user: the login name that stands before all of ssh_config, if there is one. default_user:
    the one that holds where ssh_config names none. run: carries out a `Match exec`.
    """

    names: tuple[str, ...]
    local_user: str
    default_user: str
    user: str | None = None
    run: Callable[[str], bool] = field(default=lambda _command: False)


def parse_client_config(text: str, read_include: ReadInclude) -> tuple[Setting, ...]:
    """Return the settings of a file and of what it includes, in order."""
    return tuple(_parse(text, read_include, (), _INCLUDE_DEPTH))


def _parse(
    text: str,
    read_include: ReadInclude,
    outer: tuple[Block, ...],
    depth: int,
) -> Iterable[Setting]:
    blocks = outer
    for line in text.splitlines():
        found = _IGNORED_CASE_KEYWORD.fullmatch(line.rstrip())
        if not found:
            continue
        keyword, rest = found[1].lower(), found[2]
        arguments = (rest,) if keyword in _WHOLE_LINE else _split(rest)
        if keyword in {"host", "match"}:
            blocks = (*outer, Block(keyword, arguments))
            yield Setting(keyword, (), blocks)
        elif keyword == "include" and depth:
            for pattern in arguments:
                for included in read_include(pattern):
                    yield from _parse(included, read_include, blocks, depth - 1)
        elif arguments:
            yield Setting(keyword, arguments, blocks)


def _split(text: str) -> tuple[str, ...]:
    """Return the arguments of a line: blanks separate, double quotes join, # ends."""
    arguments = []
    for found in _ARGUMENT.finditer(text):
        if found[1] is None and found[2].startswith("#"):
            break
        arguments.append(re.sub(r"\\(.)", r"\1", found[1] if found[1] is not None else found[2]))
    return tuple(arguments)


def lookup_client_config(
    settings: Iterable[Setting], whom: Lookup
) -> Mapping[str, tuple[str, ...]]:
    """Return keyword (lower case) → values: one, the first, or all where they add up."""
    settings = tuple(settings)
    found: dict[str, tuple[str, ...]] = {}
    blocks = {block for setting in settings for block in setting.blocks}
    final = any(block.kind == "match" and "final" in block.arguments for block in blocks)
    for second_pass in (False, True) if final else (False,):
        # A block is judged where it begins: what it sets itself does not change that.
        counts: dict[Block, bool] = {}
        for setting in settings:
            for block in setting.blocks:
                if block not in counts:
                    counts[block] = _counts(block, whom, found, final=second_pass)
            if setting.keyword == "hostname" and second_pass:
                continue  # decided by the first pass, as in ssh
            if setting.arguments and all(counts[block] for block in setting.blocks):
                _add(found, setting)
    return found


def _add(found: dict[str, tuple[str, ...]], setting: Setting) -> None:
    value = " ".join(setting.arguments)
    known = found.get(setting.keyword, ())
    if not known or (setting.keyword in _ADDS_UP and value not in known):
        found[setting.keyword] = (*known, value)


def _counts(
    block: Block, whom: Lookup, found: Mapping[str, tuple[str, ...]], *, final: bool
) -> bool:
    if block.kind == "host":
        names = found.get("hostname", whom.names) if final else whom.names
        return matches_any(block.arguments, names)
    return _match_counts(list(block.arguments), whom, found, final=final)


def _match_counts(
    words: list[str], whom: Lookup, found: Mapping[str, tuple[str, ...]], *, final: bool
) -> bool:
    """Return whether every criterion of a Match line holds."""
    subjects = {
        "host": found.get("hostname", whom.names),
        "originalhost": whom.names,
        "user": (whom.user,) if whom.user else found.get("user", (whom.default_user,)),
        "localuser": (whom.local_user,),
    }
    while words:
        word = words.pop(0)
        criterion, equals, inline = word.partition("=")
        negated = criterion.startswith("!")
        criterion = criterion.removeprefix("!").lower()
        if criterion in {"all", "final"}:
            holds = criterion == "all" or final
        elif criterion not in {*subjects, "exec"} or not (equals or words):
            return False
        else:
            argument = inline if equals else words.pop(0)
            holds = (
                whom.run(argument)
                if criterion == "exec"
                else matches_any(argument.split(","), subjects[criterion])
            )
        if holds == negated:
            return False
    return True


def matches_any(patterns: Iterable[str], names: Iterable[str]) -> bool:
    """Return whether a pattern of ssh_config(5) matches a name, and no negated one does."""
    names = tuple(name.lower() for name in names)
    matched = False
    for pattern in patterns:
        bare = pattern.removeprefix("!").lower()
        if any(_matches(bare, name) for name in names):
            if bare != pattern.lower():
                return False
            matched = True
    return matched


def _matches(pattern: str, name: str) -> bool:
    """Tell whether a pattern in lower case matches a name; * and ? are all that is special.

    Most patterns are plain names, and each of a thousand hosts is looked for among a thousand.
    """
    if "*" not in pattern and "?" not in pattern:
        return pattern == name
    return _glob(pattern).fullmatch(name) is not None


def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."))
