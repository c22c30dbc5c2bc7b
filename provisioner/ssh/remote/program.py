"""The remote program's verbs as text for `sh -c`.

Each verb is one file beside this module, put together with the common prelude. The
text has no secret in it, because a command line is visible to every user of a host.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from importlib.resources import files

TRANSACTION = ("staging", "steps", "sessions", "begin", "transact")


def remote_programs() -> Mapping[str, str]:
    """Return the program text of each verb.

    They are observe, packages, transact, settle, delete_mail and log; `recover` is what a
    transaction leaves on the host.
    """
    prelude = _text("prelude")
    locking = prelude + _text("lock")
    checks = prelude + _text("checks")
    pending = _text("pending")
    recover = prelude + pending + _text("recover")
    return {
        "observe": checks + pending + _text("observe"),
        "recover": recover,
        "settle": prelude + pending + _text("settle"),
        "packages": prelude + _text("packages"),
        "log": checks + _text("log"),
        # The staged tree is checked by a shell of its own, in a mount namespace of its own;
        # what returns without us is left on the host.
        "transact": f"{locking}program_checks={shlex.quote(checks)}\n"
        f"program_recover={shlex.quote(recover)}\n{pending}" + "".join(map(_text, TRANSACTION)),
        "delete_mail": locking + _text("delete_mail"),
    }


def _text(name: str) -> str:
    """Return a part without its comments: they are for readers here, not for the wire."""
    lines = files(__package__).joinpath(f"{name}.sh").read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line and not line.lstrip().startswith("#"))
