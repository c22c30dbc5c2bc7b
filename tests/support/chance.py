"""The seed of what differs from run to run; tests print it, MAILPROV_TEST_SEED=N repeats them."""

from __future__ import annotations

import os
import random

SEED = int(os.environ.get("MAILPROV_TEST_SEED") or random.SystemRandom().randrange(2**32))
