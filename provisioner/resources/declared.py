"""What a room declares beside files: what the host makes itself, and what it opens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from provisioner.model.site import IPAddress
from provisioner.platforms.record import Daemon


@dataclass(frozen=True)
class Recipe:
    """Something that the host makes itself: a secret that never leaves it, or a living key.

    kind `self-signed`: path is a PEM file with key and certificate, subject the name
    it has to certify; its key stays when it needs another certificate. kind `probe`: path
    is the passwd-file of the account that `verify` uses, subject its login. kind
    `probe-address`: path is the access(5) table that lets only `verify` write to that
    account, subject its mail address. kind `trust-anchor`: path is where Unbound keeps the
    root's key, subject the command that first puts it there. owner, group, mode: as the file
    has to stay.
    """

    kind: Literal["self-signed", "probe", "probe-address", "trust-anchor"]
    path: str
    subject: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o600


@dataclass(frozen=True)
class Listener:
    """A port that a daemon opens, on these addresses; an unspecified one stands for all.

    transport: `tcp` or `udp`.
    """

    daemon: Daemon
    transport: str
    port: int
    addresses: tuple[IPAddress, ...]
