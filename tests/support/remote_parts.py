"""The parts of the remote program as they are written, comments and all."""

from __future__ import annotations

from pathlib import Path

import provisioner

PACKAGE = Path(provisioner.__file__).parent
CORE = PACKAGE / "remote/core"
ROOMS = (
    "rooms",
    *sorted(f"{file.parent.name}/{file.stem}" for file in (PACKAGE / "daemons").glob("*/*.sh")),
)
"""What the daemons' rooms bring, as `NAME/PART`, behind what calls it."""

_NAMES = " ".join(dict.fromkeys(part.partition("/")[0] for part in ROOMS[1:]))


SHELL = {path.name: path.read_text() for path in sorted(CORE.glob("*.sh"))} | {
    part: (PACKAGE / "daemons" / f"{part}.sh").read_text() for part in ROOMS[1:]
}
"""All that runs on a host in POSIX shell: the core by file name, the rooms' as `NAME/PART`."""


def text_of(*parts: str) -> str:
    """Return parts of the program; a room's is `NAME/PART`."""
    return "".join(map(_part, parts))


def _part(name: str) -> str:
    text = SHELL[name if "/" in name else f"{name}.sh"]
    return f"program_daemons='{_NAMES}'\n{text}" if name == "rooms" else text
