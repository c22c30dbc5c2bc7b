"""Spans of time as a person writes them: `30m`, `3h`, `180d`."""

from __future__ import annotations

import re
from datetime import timedelta

from provisioner.model.values import InvalidValueError, Parsed

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FORM = r"[0-9]{1,6}[smhdw]"
_DURATION = re.compile(_FORM, re.ASCII)


def read_duration(text: str) -> timedelta | None:
    """Return the span that digits and one of s, m, h, d, w stand for; None for any other text."""
    if not _DURATION.fullmatch(text):
        return None
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def render_duration(span: timedelta) -> str:
    """Return a span of whole seconds in its largest whole unit, like 3h."""
    seconds = int(span.total_seconds())
    unit = next(one for one in reversed(_SECONDS) if seconds % _SECONDS[one] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def parse_duration(text: str, low: timedelta, high: timedelta) -> timedelta:
    """Return a span between low and high; InvalidValueError for any other text."""
    want = f"a time from {render_duration(low)} to {render_duration(high)}, like 3h"
    span = read_duration(text)
    if span is None:
        raise InvalidValueError(
            "not a time", want=want, fix="write a number and s, m, h, d or w, like 3h"
        )
    if not low <= span <= high:
        word = "short" if span < low else "long"
        nearest = render_duration(low if span < low else high)
        raise InvalidValueError(f"a time too {word}", want=want, fix=f"write {nearest}")
    return span


def duration(low: timedelta, high: timedelta) -> Parsed:
    """Return the annotation of a span of time that is written as text."""
    return Parsed(lambda text: parse_duration(text, low, high), type="string", pattern=f"^{_FORM}$")
