"""Where the power fails: a sample that differs from run to run, or every place.

The run's header tells the seed of the sample; MAILPROV_TEST_SEED=N repeats it. With
MAILPROV_TEST_SEARCH (`make test-all`) every place is tried.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from support.chance import SEED

SAMPLE = 5


@pytest.fixture
def crash_points() -> Callable[[int], list[int]]:
    """Return a function from a number of calls to those at which the power is to fail."""

    def choose(calls: int) -> list[int]:
        every = range(1, calls + 1)
        if os.environ.get("MAILPROV_TEST_SEARCH"):
            return list(every)
        return sorted(random.Random(SEED).sample(every, min(SAMPLE, calls)))  # noqa: S311 no secret

    return choose
