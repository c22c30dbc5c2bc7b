"""All that is known of a host's system: what its generation is compiled for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from provisioner.platforms.record import Platform

ResolverManager = Literal["NetworkManager", "openresolv", "resolvconf"]
RESOLVER_MANAGERS: frozenset[ResolverManager] = frozenset(get_args(ResolverManager))
FirewallKind = Literal["firewalld", "ufw", "nftables"]


@dataclass(frozen=True, slots=True)
class Firewall:
    """What keeps strangers from a host. zone: of firewalld(1), where connections fall into one."""

    kind: FirewallKind
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Nature:
    """All that is known of a host beside the site, as far as it was asked.

    platform: the release, with the daemons' versions that the host really has. firewall: the one
    that runs there, None where none does. resolver_managers: programs that write resolv.conf;
    `resolvconf` is any of that name, openresolv's too. passed: keys of the actions and gates that
    are behind the host (rooms/phase.py).
    """

    platform: Platform
    firewall: Firewall | None = None
    resolver_managers: frozenset[ResolverManager] = frozenset()
    passed: frozenset[str] = frozenset()
