"""What is the same for all hosts of a site is derived once, and not once a host.

Derived for each of them anew, the work would grow with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from provisioner.model.site import Site

Value = TypeVar("Value")


def once(function: Callable[[Site], Value]) -> Callable[[Site], Value]:
    """Return a pure function with its last answer remembered, by the very site.

    A site never changes, and comparing its content would cost what is to be saved.
    """
    last: tuple[Site, Value] | None = None

    @wraps(function)
    def remembered(site: Site) -> Value:
        nonlocal last
        # Looked at once: another thread may replace it.
        known = last
        if known is None or known[0] is not site:
            known = last = (site, function(site))
        return known[1]

    return remembered
