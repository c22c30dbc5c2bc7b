"""Which machine each host of a command turned out to be, by the machine's own word.

An address says little: a name may lead anywhere, and two addresses to one machine. Ids that lie
in files (machine-id(5), the SSH host keys) are copied with a clone. So a machine is known by
what only the running system has: the boot of its kernel, and in it the namespace of its
processes, which each container has to itself (random(4), namespaces(7)).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import HostRef


class Machines:
    """The machines of a command's hosts, as they introduce themselves; safe for several threads."""

    def __init__(self) -> None:
        self._machines: dict[HostRef, str] = {}
        self._lock = Lock()

    def note(self, host: HostRef, machine: str) -> None:
        """Keep which machine a host is; machine: empty where it could not tell."""
        with self._lock:
            if machine:
                self._machines[host] = machine

    def refuse_shared(self, name: Callable[[HostRef], str]) -> None:
        """Raise MailprovError (refused) if a machine is more than one host.

        name: how a host is shown.
        """
        with self._lock:
            hosts: dict[str, list[HostRef]] = {}
            for host, machine in self._machines.items():
                hosts.setdefault(machine, []).append(host)
        told = [_shared(sorted(each, key=str), name) for each in hosts.values() if len(each) > 1]
        if told:
            raise MailprovError(told, ExitCode.REFUSED)


def _shared(hosts: list[HostRef], name: Callable[[HostRef], str]) -> Diagnostic:
    *others, last = hosts
    where = "two sites" if len({host.site for host in hosts}) > 1 else "the site twice"
    return Diagnostic(
        summary=f"one machine belongs to {where}; nothing was changed",
        where=name(last),
        got=f"the same machine as {' and '.join(map(name, others))}",
        want="a separate machine for each host",
        fix="correct the address of one of these hosts, or remove the host from its site file",
    )
