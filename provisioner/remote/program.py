"""The remote program's verbs as text for a shell, and what carries a connection.

Each verb is one file in core/, put together with the common prelude. It goes to the host on
standard input (transport/program_start.py); programs that change a host are kept there
(core/load.sh). The text has no secret in it, because everybody has it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

STATE_FORMAT = 2
"""How the state on a host is laid out, as /var/lib/mailprov/format has it; older ones are read."""

STATE_READER = "0.2.0"
"""The oldest mailprov that reads that."""

TABLES = ("table_rows", "table_build", "table_change")
TRANSACTION = (
    *TABLES,
    "versions",
    "policy",
    "lock",
    "found",
    "staging",
    "steps",
    "begin",
    "transact",
)
PENDING = (
    *("queue", "accounts", "sessions", "tables", "directory", "readers"),
    *("pending", "resources", "units", "undo", "finish"),
)
STATE = ("pending", "state")

KEPT = frozenset({"settle", "packages", "delete_mail", "restore", "destroy", "transact"})
"""Verbs that change a host. It keeps their programs under /run until it boots."""

# Read as data: what runs on a host knows no room and no kind of resource by name.
_ROOMS = "provisioner.daemons"
_RESOURCES = "provisioner.resources"


def remote_programs() -> Mapping[str, str]:
    """Return the program text of each verb.

    observe, packages, transact, settle, delete_mail, log; recall, restore and destroy for the
    way back. `recover` is what a transaction leaves on the host. All but `log` and `way_out`, which
    read no state, and `recover`, which settles what the same version left, look at the state first.
    """
    prelude = _text("prelude")
    daemons = _daemons()
    checks = f"{prelude}{_text('checks')}{daemons}"
    recover = _joined("prelude", *PENDING, "recover")
    state = f"{prelude}program_format={STATE_FORMAT}\nprogram_reader={STATE_READER}\n"
    return {
        "observe": f"{state}{_text('checks')}{daemons}"
        + _joined(
            *(*STATE, "versions", "tables", "table_rows"),
            *("manifest", "listening", "status", "daemons", "resources"),
            *("surroundings", "mail_server", "observe"),
        ),
        "recover": recover,
        "settle": state + _joined(*PENDING, "state", "settle"),
        "packages": state + _joined(*STATE, "found", "policy", "packages"),
        "log": checks + _text("log"),
        "way_out": prelude + _text("way_out"),
        "delete_mail": state + _joined(*STATE, "tables", "lock", "delete_mail"),
        "recall": state + _joined(*STATE, "tables", "directory", "recall"),
        "restore": state + _joined(*PENDING, "state", *TABLES, "lock", "found", "restore"),
        "destroy": state + _joined(*PENDING, "state", "lock", "found", "destroy"),
        # The staged tree is checked by a shell of its own, in a mount namespace of its own;
        # what returns without us is left on the host.
        "transact": f"{state}program_checks={shlex.quote(checks + _text('staged_check'))}\n"
        f"program_recover={shlex.quote(recover)}\n{daemons}"
        + _joined(*PENDING, "state", *TRANSACTION),
    }


def _daemons() -> str:
    """Return what the daemons' rooms add: their names, and their shell as functions."""
    rooms = sorted(files(_ROOMS).iterdir(), key=lambda entry: entry.name)
    found = [room for room in rooms if room.joinpath("checks.sh").is_file()]
    names = " ".join(room.name for room in found)
    return f"program_daemons='{names}'\n{_text('rooms')}{''.join(map(_shell_in, found))}"


def loading_program() -> str:
    """Return what has a host run a kept program, by its digest, size and end (core/load.sh)."""
    return _text("load")


def relay_program() -> str:
    """Return the program that connects to its arguments, an address and a port, and carries bytes.

    It prints `connected` in a line, and from there on what the connection brings.
    """
    return f'exec bash -c {shlex.quote(_stripped("relay.bash"))} "$0" "$@"'


def _joined(*parts: str) -> str:
    return "".join(map(_text, parts))


def _text(name: str) -> str:
    text = _stripped(f"{name}.sh")
    return text + _kinds() if name == "resources" else text


@cache
def _kinds() -> str:
    """Return the shell of the kinds of resources that bring some, as functions."""
    return _shell_in(files(_RESOURCES))


def _shell_in(folder: Traversable) -> str:
    found = (file for file in folder.iterdir() if file.name.endswith(".sh"))
    parts = sorted(found, key=lambda file: file.name)
    return "".join(_bare(file.read_text(encoding="utf-8")) for file in parts)


@cache
def _stripped(file: str) -> str:
    """Return a part without comments and indents: they are for readers here, not for the wire.

    So no text of several lines may depend on how far it is indented.
    """
    return _bare(files(__package__).joinpath("core", file).read_text(encoding="utf-8"))


def _bare(text: str) -> str:
    lines = map(str.lstrip, text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
