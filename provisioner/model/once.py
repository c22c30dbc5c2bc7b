"""What is the same for all hosts of a site is worked out once, and not once a host.

A site's zones have a line for each host: worked out for each of them anew, the work would
grow with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar, TypeVarTuple

from provisioner.model.site import Site

Rest = TypeVarTuple("Rest")
Value = TypeVar("Value")

_SITES = 16
"""So many sites, the last that were new, are remembered; one command may take several."""


def once_per_site(function: Callable[[Site, *Rest], Value]) -> Callable[[Site, *Rest], Value]:
    """Return the function with its answers for the last sites remembered.

    The function must be pure. Which site it is, is told by identity: a site never changes, and
    to compare its content would cost what is to be saved. The other arguments are compared by
    content: every host's platform is a record of its own, with the versions that the host has.
    """
    # The site is kept beside its answers: as long as it is there, nothing else has its identity.
    sites: dict[int, tuple[Site, list[tuple[tuple[*Rest], Value]]]] = {}
    lock = Lock()  # hosts are compiled side by side

    @wraps(function)
    def remembered(site: Site, *rest: *Rest) -> Value:
        with lock:
            _, answers = sites.setdefault(id(site), (site, []))
            if len(sites) > _SITES:
                del sites[next(iter(sites))]
            for known, answer in answers:
                if known == rest:
                    return answer
            answer = function(site, *rest)
            answers.append((rest, answer))
            return answer

    return remembered
