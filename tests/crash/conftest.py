"""Where the power fails: a sample that differs from run to run, or every place.

The run's header tells the seed of the sample; MAILPROV_TEST_SEED=N repeats it. With
MAILPROV_TEST_SEARCH (`make test-all`) every place is tried.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.chance import some_of


@pytest.fixture
def crash_points() -> Callable[[int], list[int]]:
    """Return a function from a number of calls to those at which the power is to fail."""
    return some_of
