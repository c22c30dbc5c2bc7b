"""What the escape hatches amount to: judged by meaning, by the rule of the site's own keys.

`postfix`, `dovecot` and `unbound` can say in a daemon's words what `allow_insecure` guards
in the site's. So what a daemon would make of them is worked out here, with the values that
mailprov sets beside them, and what is unsafe needs the same allowance.

Only what is written in the file can be judged. A table on the host, a policy service, or a
program counts as if it decided nothing; what comes of it, the probes find before a new
configuration stays.
"""

from __future__ import annotations

from functools import lru_cache

from provisioner.model.exposure.dovecot import judge_dovecot
from provisioner.model.exposure.finding import Exposure
from provisioner.model.exposure.postfix import judge_postfix
from provisioner.model.exposure.unbound import judge_unbound
from provisioner.model.reading import Reading

__all__ = ["Exposure", "judge_exposures"]


@lru_cache(maxsize=1)
def judge_exposures(reading: Reading) -> tuple[Exposure, ...]:
    """Return all that the escape hatches of a site open, allowed or not.

    Each allowance is looked for in it, so it is worked out once for a reading, which never changes.
    """
    return (*judge_postfix(reading), *judge_dovecot(reading), *judge_unbound(reading))
