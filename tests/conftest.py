"""What holds for all tests: the same examples each time, and a Ctrl-C that arrives.

Property tests give the same examples each time, so that a test that fails fails again. None has a
deadline: how long one takes says how busy the machine is.

`make test-all` looks further: other examples each time, and more of them; what it finds
becomes an `@example`, which everybody then runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings
from support.chance import SEED

settings.register_profile("steady", derandomize=True, database=None, deadline=None)
settings.register_profile("search", max_examples=1000, print_blob=True, deadline=None)
settings.load_profile("search" if os.environ.get("MAILPROV_TEST_SEARCH") else "steady")

# A shell that runs the tests in the background has them ignore SIGINT, and nohup(1) SIGHUP. Every
# process that they start inherits that: tests of Ctrl-C would wait for what cannot come.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# Fixtures of the whole session that take long to make; who has one has it for all its tests.
SHARED = ("tutorial", "tutorial_open", "beginner", "bare_lab")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Keep together, for `-n N --dist loadgroup`, what has the same site or is in one file."""
    for item in items:
        shared = [name for name in SHARED if name in getattr(item, "fixturenames", ())]
        item.add_marker(pytest.mark.xdist_group([*shared, item.path.name][0]))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name keys and certificates by their argument: each process of a run makes its own."""
    text = val.decode("latin-1") if isinstance(val, bytes) else val
    return argname if isinstance(text, str) and "-----BEGIN " in text else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to run where xdist does not keep groups together: each would make all hosts anew."""
    grouped = getattr(session.config.option, "loadgroup", False)
    if grouped and not all("@" in item.nodeid for item in session.items):
        message = "pytest-xdist keeps no group of tests together with this pytest"
        raise pytest.UsageError(message)


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return a function that has a line in the run's summary."""
    return lambda line: record_property("told", line)


def pytest_report_header() -> str:
    """Tell the seed before anything can fail for it."""
    return f"MAILPROV_TEST_SEED={SEED} repeats what differs from run to run"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests told, whichever process they ran in."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            lines = [str(value) for name, value in report.user_properties if name == "told"]
            for line in lines if report.when == "call" else ():
                terminalreporter.write_line(line)
