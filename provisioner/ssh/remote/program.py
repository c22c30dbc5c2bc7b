"""The remote program's verbs as text for `sh -c`.

Each verb is one file beside this module, put together with the common prelude. The
text has no secret in it, because a command line is visible to every user of a host.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.resources import files

TRANSACTION = ("lock", "found", "directory", "staging", "steps", "sessions", "begin", "transact")
PENDING = ("queue", "pending")


def remote_programs() -> Mapping[str, str]:
    """Return the program text of each verb.

    observe, packages, transact, settle, delete_mail, log; recall, restore and destroy for the
    way back. `recover` is what a transaction leaves on the host.
    """
    prelude = _text("prelude")
    checks = _joined("prelude", "checks", "postfix_values")
    recover = _joined("prelude", *PENDING, "recover")
    return {
        "observe": checks + _joined("pending", "listening", "observe"),
        "recover": recover,
        "settle": _joined("prelude", *PENDING, "directory", "settle"),
        "packages": _joined("prelude", "found", "packages"),
        "log": checks + _text("log"),
        "delete_mail": _joined("prelude", "pending", "lock", "delete_mail"),
        "recall": _joined("prelude", "directory", "recall"),
        "restore": _joined("prelude", *PENDING, "lock", "found", "directory", "restore"),
        "destroy": _joined("prelude", *PENDING, "lock", "found", "destroy"),
        # The staged tree is checked by a shell of its own, in a mount namespace of its own;
        # what returns without us is left on the host.
        "transact": f"{prelude}program_checks={shlex.quote(checks)}\n"
        f"program_recover={shlex.quote(recover)}\n{_joined(*PENDING, *TRANSACTION)}",
    }


def _joined(*parts: str) -> str:
    return "".join(map(_text, parts))


def _text(name: str) -> str:
    """Return a part without its comments: they are for readers here, not for the wire."""
    lines = files(__package__).joinpath(f"{name}.sh").read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line and not line.lstrip().startswith("#"))
