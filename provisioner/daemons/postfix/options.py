"""The escape hatch into main.cf and master.cf.

A parameter that mailprov sets is replaced where it stands, because a second setting of
the same name makes Postfix warn; others are added at the end. Values are Postfix's own
language: `$` expands.

A service of master.cf is named `587/inet` as postconf(1) -M names it, or by its first
column alone; ports may have their usual names (`submission/inet`, `smtp/inet`). Under
it `private`, `unprivileged`, `chroot`, `wakeup`, `process_limit` and `command` are the
columns of master(5); every other word is a parameter for `-o`. A new service has a type and
a command (rules.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.daemons.postfix.services import COLUMNS, canonical_service
from provisioner.daemons.postfix.slips import absent_parameters
from provisioner.model.site import PostfixExtra
from provisioner.render.quoting import Quoted
from provisioner.render.settings import Caller, Recorder, Word, spelled

_NOTE = "# From site.yaml (postfix.{part}):\n"


def without_absent(extra: PostfixExtra) -> PostfixExtra:
    """Return the site's own options without the parameters that no Postfix has."""
    absent = absent_parameters(extra.main, extra.master)
    return PostfixExtra(
        main={name: value for name, value in extra.main.items() if name not in absent},
        master={
            service: {name: value for name, value in options.items() if name not in absent}
            for service, options in extra.master.items()
        },
    )


class MainCf(Recorder):
    """The word of main.cf: `setting`, for a parameter with its value, on one line or on several.

    own: the site's own parameters.
    """

    def __init__(self, own: Mapping[str, str]) -> None:
        super().__init__()
        self._waiting = dict(own)

    def words(self) -> Mapping[str, Word]:
        """Return what the template can call."""
        return {"setting": self._setting}

    def rest(self) -> str:
        """Return the site's parameters that mailprov does not set."""
        for name, value in self._waiting.items():
            self.record(name, value)
        return "\n" + _main_lines(self._waiting) if self._waiting else ""

    def _setting(self, name: str, value: object = "", caller: Caller | None = None) -> Quoted:
        if name in self._waiting:
            own = self._waiting.pop(name)
            self.record(name, own)
            lines = _main_lines({name: own})
        else:
            ours = spelled(value) if caller is None else caller()
            self.record(name, _without_comments(ours))
            # Values on lines of their own go on below the name (postconf(5)).
            gap = "\n" if ours.startswith(" ") else " "
            lines = f"{name} ={gap}{ours}".rstrip() + "\n"
        # A `call` has to end its line itself: the line end behind its tag is not printed.
        return Quoted(lines if caller else lines.removesuffix("\n"))


class MasterCf(Recorder):
    """The words of master.cf: `service`, around a service's lines, and `option` for a parameter.

    own: the site's own services and changes to services. What changes a service that this host
    does not have, changes nothing. The record has `587/syslog_name` for a parameter of a service,
    and `587/process_limit` for one of its columns.
    """

    def __init__(self, own: Mapping[str, Mapping[str, str]]) -> None:
        super().__init__()
        self._own = {canonical_service(name): (name, options) for name, options in own.items()}
        self._here: set[str] = set()
        self._options: dict[str, tuple[str, str]] = {}

    def words(self) -> Mapping[str, Word]:
        """Return what the template can call."""
        return {"service": self._service, "option": self._option}

    def rest(self) -> str:
        """Return the site's services that mailprov does not have."""
        text = ""
        for known, (name, options) in self._own.items():
            if known not in self._here and "command" in options and "/" in name:
                text += "\n" + self._new_service(name, known, options)
        return text

    def _service(self, caller: Caller) -> Quoted:
        """Return a service: its columns as they stand in the first line, its options below."""
        self._options = {}
        head, *rest = caller().splitlines()
        fields = head.split(maxsplit=7)
        known = canonical_service(f"{fields[0]}/{fields[1]}")
        self._here.add(known)
        own = self._own[known][1] if known in self._own else None
        columns = dict(zip(COLUMNS, fields[2:], strict=True))
        ours = dict(self._options.values())
        self._record(known, columns | ours | dict(own or {}))
        if own is None:
            return Quoted("\n".join((head, *rest, "")))
        changed = [own.get(column, value) for column, value in columns.items()]
        kept = [line for line in rest if self._options.get(line.strip(), ("",))[0] not in own]
        lines = ["  ".join((*fields[:2], *changed)).rstrip(), *kept, *_option_lines(own), ""]
        return Quoted(_NOTE.format(part="master") + "\n".join(lines))

    def _option(self, name: str, value: object) -> Quoted:
        text = spelled(value)
        line = _option_text(name, text)
        self._options[line] = (name, text)
        return Quoted(line)

    def _new_service(self, name: str, known: str, options: Mapping[str, str]) -> str:
        service, _, kind = name.rpartition("/")
        columns = {column: options.get(column, "-") for column in COLUMNS}
        self._record(known, columns | dict(options))
        lines = ["  ".join((service, kind, *columns.values())), *_option_lines(options), ""]
        return _NOTE.format(part="master") + "\n".join(lines)

    def _record(self, service: str, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self.record(f"{service}/{name}", value)


def _main_lines(options: Mapping[str, str]) -> str:
    rows = [f"{name} = {value}".rstrip() + "\n" for name, value in options.items()]
    return _NOTE.format(part="main") + "".join(rows)


def _without_comments(lines: str) -> str:
    words = (line.strip() for line in lines.splitlines())
    return " ".join(word for word in words if word and not word.startswith("#"))


def _option_lines(options: Mapping[str, str]) -> list[str]:
    own = {name: value for name, value in options.items() if name not in COLUMNS}
    return [f"    {_option_text(name, value)}" for name, value in own.items()]


def _option_text(name: str, value: str) -> str:
    # Braces keep the blanks of a value together (master(5), Postfix 3.0).
    return f"-o {{ {name} = {value} }}" if " " in value else f"-o {name}={value}"
