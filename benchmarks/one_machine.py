"""`mailprov` for hosts that are all the same machine, like those of many_hosts.

    python -m benchmarks.one_machine plan SITE

mailprov refuses a machine that is two hosts. This program does not; the rest is mailprov's.
"""

from __future__ import annotations

from provisioner.cli.main import main
from provisioner.verbs.machines import Machines


def _refuse_nothing(_machines: Machines, _name: object) -> None:
    """Let one machine be any number of hosts."""


if __name__ == "__main__":
    Machines.refuse_shared = _refuse_nothing  # type: ignore[method-assign, assignment]
    main()
