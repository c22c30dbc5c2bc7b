"""What is the same for every host of a site is rendered once, and not once a host.

A site's zones have a line for each host: rendered for each of them anew, the work would
grow with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from provisioner.model.site import Site
from provisioner.platforms.record import Platform

Value = TypeVar("Value")


def once_per_site(
    function: Callable[[Site, Platform], Value],
) -> Callable[[Site, Platform], Value]:
    """Return the function with its last answer remembered, by the very site and platform.

    The function must be pure. Both arguments never change, and comparing their contents
    would cost what is to be saved.
    """
    last: tuple[Site, Platform, Value] | None = None

    @wraps(function)
    def remembered(site: Site, platform: Platform) -> Value:
        nonlocal last
        # Looked at once: another thread may replace it.
        known = last
        if known is None or known[0] is not site or known[1] is not platform:
            known = last = (site, platform, function(site, platform))
        return known[2]

    return remembered
