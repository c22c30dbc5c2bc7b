"""The seed of what differs from run to run; MAILPROV_TEST_SEED=N repeats it.

It stays in the environment, for the processes that a run of tests is made of.
"""

from __future__ import annotations

import os
import random

SEED = int(os.environ.get("MAILPROV_TEST_SEED") or random.SystemRandom().randrange(2**32))
os.environ["MAILPROV_TEST_SEED"] = str(SEED)
