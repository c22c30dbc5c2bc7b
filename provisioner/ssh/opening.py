"""The transport that a host's `connection` asks for. Imports paramiko only for SSH."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext

from provisioner.model.site import Host
from provisioner.ssh.options import Reveal, SshOptions
from provisioner.ssh.transport import DialogueTransport


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
        from provisioner.ssh.local import LocalTransport  # noqa: PLC0415 - needed by few

        return LocalTransport(host, options, reveal)
    _do_without_invoke()
    from provisioner.ssh.connection import open_ssh  # noqa: PLC0415 - paramiko takes 0.1 s to load

    return open_ssh(host, options, reveal, turn)


def _do_without_invoke() -> None:
    """Keep paramiko from loading `invoke`, which takes as long as all the rest of it.

    It is for one directive (`Match exec`) of paramiko's own reader of ssh_config, which
    is not used here, and paramiko does without where it is not installed. None in
    sys.modules means just that (Python's reference, "The module cache").
    """
    sys.modules.setdefault("invoke", None)  # type: ignore[arg-type] # the type forgets None
