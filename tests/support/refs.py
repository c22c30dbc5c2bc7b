"""Hosts as runs know them, by their keys."""

from __future__ import annotations

from provisioner.model.names import DomainName, HostKey, HostRef


def ref(key: str, site: str = "example.org") -> HostRef:
    return HostRef(DomainName(site), HostKey(key))
