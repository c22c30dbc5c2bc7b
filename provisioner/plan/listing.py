"""What a host should be beside its files, as a text that a person reads and compares."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.plan.generation import Generation
from provisioner.resources.registry import kinds
from provisioner.resources.unit import Listener


def host_listing(generation: Generation) -> bytes:
    """Return packages, groups, accounts, folders, secrets, services and ports, a line each.

    Of system users there may be thousands: they are in it, without their passwords.
    """
    return "".join(f"{line}\n" for line in _lines(generation)).encode()


def _lines(generation: Generation) -> Iterator[str]:
    yield f"# What apply brings to {generation.host} beside its files."
    for kind in kinds():
        yield from kind.listed(generation)
    yield from map(_listener, generation.listeners)


def _listener(listener: Listener) -> str:
    addresses = " ".join(map(str, listener.addresses))
    return f"port {listener.transport} {listener.port} of {listener.daemon} on {addresses}"
