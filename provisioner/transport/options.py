"""What a run decides about its connections, beside what the site file says of each host.

Times are seconds. The defaults are the user's own: their home folder, agent and login name.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.model.names import HostRef
from provisioner.model.secrets import SecretReference

Reveal = Callable[[SecretReference], str]
"""Returns the cleartext that a reference stands for; raises MailprovError if it cannot."""
RevealFor = Callable[[HostRef], Reveal]
"""Returns what reveals the references in the file of the host's site."""


def _user_ssh(name: str) -> Callable[[], Path]:
    return lambda: Path.home() / ".ssh" / name


def _agent_socket() -> str | None:
    return os.environ.get("SSH_AUTH_SOCK") or None


@dataclass(frozen=True, slots=True)
class SshOptions:
    """How this run connects.

    accept_new_host_keys: trust and remember the key of a host never seen before; a changed
    key is refused all the same. user_config, system_config: ssh_config(5) files, read in
    this order. known_hosts: where new keys go, and the first place to look for known ones.
    require_root: refuse a login whose programs would not run as root.
    identities: the folder of the default keys. local_user: who logs in to jump hosts.
    connect_timeout: for TCP, and for each of banner and key exchange; ssh_config's
    ConnectTimeout comes before it. login_timeout: for each attempt to log in.
    silence_limit: how long a peer may leave sent data unacknowledged before it counts as gone.
    """

    accept_new_host_keys: bool = False
    user_config: Path = field(default_factory=_user_ssh("config"))
    system_config: Path = Path("/etc/ssh/ssh_config")
    known_hosts: Path = field(default_factory=_user_ssh("known_hosts"))
    system_known_hosts: Path = Path("/etc/ssh/ssh_known_hosts")
    identities: Path = field(default_factory=_user_ssh(""))
    agent_socket: str | None = field(default_factory=_agent_socket)
    local_user: str = field(default_factory=getpass.getuser)
    require_root: bool = True
    connect_timeout: float = 15.0
    login_timeout: float = 20.0
    silence_limit: float = 30.0
