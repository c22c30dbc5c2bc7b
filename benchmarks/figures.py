"""Figures from repeated runs: pure functions of the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """The result of repeated runs: the median, the lowest and the highest of `runs` runs."""

    median: float
    low: float
    high: float
    runs: int


def figure_of(values: Sequence[float]) -> Figure:
    """Return the figure of one or more values; ValueError without any."""
    if not values:
        raise ValueError("no run, no figure")
    return Figure(median(values), min(values), max(values), len(values))


def ratio(of: Figure, to: Figure) -> float:
    """Return how many times the second median goes into the first."""
    return of.median / to.median


def interleaved(names: Sequence[str], rounds: int) -> list[tuple[int, str]]:
    """Return round and name of every run, in the order in which they run: A B C A B C.

    A drift of the machine then affects all of them alike.
    """
    return [(number, name) for number in range(1, rounds + 1) for name in names]


def seconds_text(figure: Figure) -> str:
    """Return a figure of seconds as people read it: `1.23 (1.20-1.31)`."""
    digits = 3 if figure.median < 1 else 2 if figure.median < 10 else 1  # noqa: PLR2004 sizes
    return f"{figure.median:.{digits}f} ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


def bytes_text(count: float) -> str:
    """Return a number of bytes in kB or MB of a thousand."""
    if count >= 1e6:  # noqa: PLR2004 a million
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e3:.0f} kB"
