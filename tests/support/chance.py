"""The seed of what differs from run to run; MAILPROV_TEST_SEED=N repeats it.

It stays in the environment, for the processes that a run of tests is made of.
"""

from __future__ import annotations

import os
import random

from hypothesis import settings

SEED = int(os.environ.get("MAILPROV_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["MAILPROV_TEST_SEED"] = str(SEED)
SAMPLE = 5


def some_of(calls: int) -> list[int]:
    """Return a sample of 1 to calls that differs from run to run; all with `make test-all`."""
    every = range(1, calls + 1)
    if os.environ.get("MAILPROV_TEST_SEARCH"):
        return list(every)
    return sorted(random.Random(SEED).sample(every, min(SAMPLE, calls)))  # noqa: S311 no secret


def examples(number: int) -> settings:
    """Return hypothesis's settings for so many examples; ten times as many in a search."""
    return settings(max_examples=number * (10 if os.environ.get("MAILPROV_TEST_SEARCH") else 1))
