"""mailprov as whoever installs it has it: with its modules compiled.

`pip install` compiles what it installs. In a working tree a module is compiled at the first
run after a change, or at every run where PYTHONDONTWRITEBYTECODE is set, which takes a third
of a second: more than the rest of a start.
"""

from __future__ import annotations

import compileall
import os
from pathlib import Path

import provisioner


def compile_mailprov() -> None:
    """Compile mailprov's modules, and let all that is measured from here on use such files."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    folder = Path(provisioner.__file__).parent
    if not compileall.compile_dir(folder, quiet=2):
        raise RuntimeError(f"{folder} could not be compiled")
