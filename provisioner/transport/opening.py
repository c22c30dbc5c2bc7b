"""The transport that a host's `connection` asks for. Imports paramiko only for SSH."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType
from typing import cast

from provisioner.model.site import Host
from provisioner.transport.options import Reveal, SshOptions
from provisioner.transport.transport import DialogueTransport

_OPTIONAL = "invoke"
"""What paramiko.config takes where it is there, for `Match exec` in its own reading of
ssh_config, which client_config.py replaces. It takes two fifths of paramiko's time to load."""


def open_transport(
    host: Host,
    options: SshOptions,
    reveal: Reveal,
    turn: AbstractContextManager[object] = nullcontext(),  # noqa: B008 - it holds nothing
) -> DialogueTransport:
    """Return an open transport to the host; MailprovError (exit code 4) says why not.

    turn: entered once the host has begun to answer, and left when it has let us in.
    """
    if host.connection == "local":
        from provisioner.transport.local import LocalTransport  # noqa: PLC0415 - needed by few

        return LocalTransport(host, options, reveal)
    with _hidden(_OPTIONAL):
        from provisioner.transport.ssh.connection import open_ssh  # noqa: PLC0415 - paramiko loads slowly

    return open_ssh(host, options, reveal, turn)


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Have imports of a module that was not loaded yet fail as if it were not installed.

    Threads may be inside side by side: who came first hides it, and shows it again.
    """
    if name in sys.modules:
        yield
        return
    # None in its place makes an import raise ModuleNotFoundError (Python reference, 5.3.1).
    sys.modules[name] = cast("ModuleType", None)
    try:
        yield
    finally:
        sys.modules.pop(name, None)
