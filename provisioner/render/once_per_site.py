"""What is the same for every host of a site is rendered once, and not once a host.

A site's zones have a line for each host: rendered for each of them anew, the work would
grow with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Generic, TypeVar

from provisioner.model.site import Site
from provisioner.platforms.record import Platform

Value = TypeVar("Value")


class _Last(Generic[Value]):
    """The last answer. Replaced as a whole, so that threads see the old or the new one."""

    def __init__(self, site: Site, platform: Platform, value: Value) -> None:
        self.site = site
        self.platform = platform
        self.value = value


def once_per_site(
    function: Callable[[Site, Platform], Value],
) -> Callable[[Site, Platform], Value]:
    """Return the function with its last answer remembered, by the very site and platform.

    The function must be pure. Both arguments never change, and comparing their contents
    would cost what is to be saved.
    """
    last: list[_Last[Value]] = []

    @wraps(function)
    def remembered(site: Site, platform: Platform) -> Value:
        for known in last:
            if known.site is site and known.platform is platform:
                return known.value
        value = function(site, platform)
        last[:] = [_Last(site, platform, value)]
        return value

    return remembered
