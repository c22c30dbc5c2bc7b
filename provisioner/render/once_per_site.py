"""What is the same for every host of a site is rendered once, and not once a host.

A site's zones have a line for each host: rendered for each of them anew, the work would
grow with the square of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar

from provisioner.model.site import Site
from provisioner.platforms.record import Platform

Value = TypeVar("Value")


def once_per_site(
    function: Callable[[Site, Platform], Value],
) -> Callable[[Site, Platform], Value]:
    """Return the function with its answers for the last site remembered, one a platform.

    The function must be pure. Which site it is, is told by identity: a site never changes, and
    to compare its content would cost what is to be saved. Every host's platform is a record of
    its own, with the versions that the host has: those are compared by content.
    """
    last: Site | None = None
    answers: list[tuple[Platform, Value]] = []
    lock = Lock()  # hosts are compiled side by side

    @wraps(function)
    def remembered(site: Site, platform: Platform) -> Value:
        nonlocal last, answers
        with lock:
            if last is not site:
                last, answers = site, []
            for known, answer in answers:
                if known is platform or known == platform:
                    return answer
            answer = function(site, platform)
            answers.append((platform, answer))
            return answer

    return remembered
