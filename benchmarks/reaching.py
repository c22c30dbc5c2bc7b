"""Connect to every host of a site file and run `true` there; many_hosts measures this.

    python -m benchmarks.reaching SITE

It prints the errors of `mailprov plan` for hosts that cannot be reached. The exit code is 4 if
there are any.
"""

from __future__ import annotations

import sys
from pathlib import Path

from provisioner.cli.composition import open_run
from provisioner.cli.outcome_view import exit_code_of
from provisioner.cli.terminal import show_errors
from provisioner.model.site import Host
from provisioner.verbs.ports import Transport


def main() -> int:
    """Connect to all hosts; return the exit code."""
    with open_run(Path(sys.argv[1]), (), accept_new=False, quiet=False) as run:

        def reach(host: Host, transport: Transport) -> None:
            transport.run("true", timeout=60)
            run.progress.tell(host.ref, "reached")

        answers = list(run.fleet.each(run.hosts, reach))
    errors = [answer.error for answer in answers if answer.error]
    show_errors(errors)
    return exit_code_of(errors)


if __name__ == "__main__":
    raise SystemExit(main())
