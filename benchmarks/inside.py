"""`mailprov plan` of several sites in one process, timed without the process's start.

    python inside.py SITE...

`inside` is the time of a command without its imports and the reading of files: connect, observe,
render, compare and close. floor.py counts in the same way.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import paramiko  # noqa: F401 loaded before the clock starts, as the floor does

from provisioner.cli.composition import open_run
from provisioner.transport.ssh import connection  # noqa: F401 as paramiko
from provisioner.verbs.plan import SitePlan, plan_site
from provisioner.verbs.run import Run


def main() -> None:
    """Plan every site at once; print the seconds, and exit with 1 if anything would change."""
    begun = time.perf_counter()
    plans: list[SitePlan] = []
    with ExitStack() as stack:
        runs = [
            stack.enter_context(open_run(Path(site), (), accept_new=False, quiet=True))
            for site in sys.argv[1:]
        ]
        read = time.perf_counter()

        def work(run: Run) -> None:
            plans.append(plan_site(run))

        threads = [threading.Thread(target=work, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    closed = time.perf_counter()
    print(json.dumps({"inside": closed - read, "reading": read - begun}))
    sys.exit(0 if len(plans) == len(runs) and all(plan.is_empty for plan in plans) else 1)


if __name__ == "__main__":
    main()
