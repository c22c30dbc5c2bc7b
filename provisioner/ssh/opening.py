"""The transport that a host's `connection` asks for. Imports paramiko only for SSH."""

from __future__ import annotations

from provisioner.model.site import Host
from provisioner.ssh.options import Reveal, SshOptions
from provisioner.ssh.transport import DialogueTransport


def open_transport(host: Host, options: SshOptions, reveal: Reveal) -> DialogueTransport:
    """Return an open transport to the host; MailprovError (exit code 4) says why not."""
    if host.connection == "local":
        from provisioner.ssh.local import LocalTransport  # noqa: PLC0415 - needed by few

        return LocalTransport(host, options, reveal)
    from provisioner.ssh.connection import open_ssh  # noqa: PLC0415 - paramiko takes 0.1 s to load

    return open_ssh(host, options, reveal)
