"""Whether a new main.cf needs more than a reload."""

from __future__ import annotations

from provisioner.daemons.postfix.view import RESTART_PARAMETERS
from provisioner.render.artifact import Artifact


def needs_restart(artifact: Artifact, before: bytes | None) -> bool:
    """Tell whether a running daemon takes over the file only by a restart.

    before: the content until now; None, not known. master(8) reads the parameters of
    its listening sockets at start only (postconf(5), inet_interfaces).
    """
    if artifact.restart or not artifact.path.endswith("/postfix/main.cf"):
        return artifact.restart
    return before is None or _listening(before) != _listening(artifact.content)


def _listening(main_cf: bytes) -> dict[str, str]:
    pairs = (line.partition("=") for line in main_cf.decode(errors="replace").splitlines())
    return {
        name.strip(): value.strip()
        for name, _, value in pairs
        if name.strip() in RESTART_PARAMETERS
    }
