"""Compiled templates, kept where Python keeps the compiled modules of the program.

To compile the templates takes a quarter of the time of `mailprov render`, and they rarely change.
So what Jinja makes of one lies in `__pycache__` beside this module, like the bytecode of the
module itself (PEP 3147), and follows the same switches (PYTHONDONTWRITEBYTECODE and
PYTHONPYCACHEPREFIX). Nobody can have code run here who cannot change the program.

What is kept counts for its own text only: of the template, and of all that compiles it.
"""

from __future__ import annotations

import contextlib
import hashlib
import marshal
import os
import sys
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType, ModuleType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

_DIGEST = 32
_MODE = 0o644


class CompiledTemplates(BytecodeCache):
    """The kept templates of this program; what cannot be read or written is compiled anew.

    makers: modules beside Jinja that have a say in what a template becomes.
    """

    def __init__(self, *makers: ModuleType) -> None:
        self._makers = makers

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the part of the file's name that is the template's."""
        del filename
        return name.replace("/", "-")

    def get_source_checksum(self, source: str) -> str:
        """Return the digest of a template's text and of all that compiles it."""
        return hashlib.sha256(self._compiler_digest + source.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give the bucket its code if a file has it; a damaged file counts as none."""
        with contextlib.suppress(OSError, NotImplementedError, EOFError, ValueError, TypeError):
            kept = _place(bucket).read_bytes()
            if kept[:_DIGEST].hex() == bucket.checksum:
                code = marshal.loads(kept[_DIGEST:])  # noqa: S302 as safe as Python's own
                bucket.code = code if isinstance(code, CodeType) else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the bucket's code, as a whole or not at all."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError, NotImplementedError):
            place = _place(bucket)
            place.parent.mkdir(parents=True, exist_ok=True)
            beside = place.with_name(f"{place.name}.{os.getpid()}")
            # Another thread may be at it: then this one has nothing to do.
            handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _MODE)
            with os.fdopen(handle, "wb") as file:
                file.write(bytes.fromhex(bucket.checksum) + marshal.dumps(bucket.code))
            beside.replace(place)

    @cached_property
    def _compiler_digest(self) -> bytes:
        jinja = (file for file in resources.files("jinja2").iterdir() if file.name.endswith(".py"))
        digest = hashlib.sha256(MAGIC_NUMBER)
        for file in (*sorted(jinja, key=lambda file: file.name), *map(_source, self._makers)):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return digest.digest()


def _source(module: ModuleType) -> Traversable:
    package, _, name = module.__name__.rpartition(".")
    return resources.files(package) / f"{name}.py"


def _place(bucket: Bucket) -> Path:
    """Return where a template's code lies; NotImplementedError where Python keeps none either."""
    return Path(cache_from_source(str(Path(__file__).with_name(f"template-{bucket.key}.py"))))
