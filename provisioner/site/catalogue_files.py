"""An operator's own entries of the diagnosis catalogue, read from their files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from provisioner.diagnosis.catalogue import Catalogue, builtin_catalogue, parse_catalogue
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.site.password_memory import key_path


def read_catalogue(
    files: Sequence[Path] = (), environment: Mapping[str, str] | None = None
) -> Catalogue:
    """Return our catalogue with the operator's entries before it.

    They come from `$XDG_CONFIG_HOME/mailprov/diagnosis/*.toml`, by name, and then from the
    files given. An id in two of them is a mistake; one that is ours replaces ours. Raises
    MailprovError (wrong usage) if a file cannot be read or used.
    """
    variables = os.environ if environment is None else environment
    folder = key_path(variables).parent / "diagnosis"
    paths = [*sorted(folder.glob("*.toml")), *files]
    texts = {str(path): _text(path) for path in paths}
    return builtin_catalogue().extended(parse_catalogue(texts))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        problem = Diagnostic(
            summary="the catalogue file cannot be read",
            where=str(path),
            got=reason or type(error).__name__,
            fix="give the path of a TOML file that you can read",
        )
        raise MailprovError(problem, ExitCode.USAGE) from error
