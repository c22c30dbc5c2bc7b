"""What holds for all tests: the same examples each time, and a Ctrl-C that arrives.

Property tests give the same examples each time, so that a test that fails fails again.

`make test-all` looks further: other examples each time, and more of them; what it finds
becomes an `@example`, which everybody then runs.
"""

from __future__ import annotations

import os
import signal

from hypothesis import settings
from support.chance import SEED

settings.register_profile("steady", derandomize=True, database=None)
settings.register_profile("search", max_examples=1000, print_blob=True)
settings.load_profile("search" if os.environ.get("MAILPROV_TEST_SEARCH") else "steady")

# A shell that runs the tests in the background has them ignore SIGINT, and every process
# that they start inherits that: tests of Ctrl-C would wait for what cannot come.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    """Tell the seed before anything can fail for it."""
    return f"MAILPROV_TEST_SEED={SEED} repeats what differs from run to run"
