"""A bar chart as SVG, with a logarithmic axis: pure text, so nothing has to be installed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from xml.sax.saxutils import escape

from benchmarks.figures import Figure, seconds_text

_WIDTH, _LEFT, _RIGHT = 840, 190, 190
_BAR, _GAP, _TITLE, _TOP, _BOTTOM = 18, 6, 34, 46, 40
_COLOURS = ("#1b6e53", "#8aa29a")
_STYLE = (
    "text{font:13px sans-serif;fill:#222}.t{font-weight:bold}.a{fill:#666;font-size:11px}"
    ".g{stroke:#ddd}"
)

Group = tuple[str, Mapping[str, Figure]]
"""A title, and the figures under it by label."""


def render_chart(
    title: str,
    groups: Sequence[Group],
    ours: Sequence[str],
    *,
    tell: Callable[[Figure], str] = seconds_text,
    unit: str = "s",
) -> str:
    """Return an SVG of one bar a figure. ours: labels in the strong colour.

    tell: a figure in words, to which the unit is added. The line in a bar spans the lowest to
    the highest run. A figure of 0 has no place here.
    """
    figures = [figure for _, group in groups for figure in group.values()]
    low = 10.0 ** math.floor(math.log10(min(figure.low for figure in figures)))
    high = 10.0 ** math.ceil(math.log10(max(figure.high for figure in figures)))
    rows, y = [], float(_TOP)
    for name, group in groups:
        rows.append(f'<text class="t" x="10" y="{y + 18:.0f}">{escape(name)}</text>')
        y += _TITLE - 8
        for label, figure in sorted(group.items(), key=lambda pair: pair[1].median):
            words = f"{tell(figure)} {unit}"
            rows.append(_bar((label, words), figure, y, (low, high), strong=label in ours))
            y += _BAR + _GAP
        y += 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y + _BOTTOM:.0f}"'
        f' role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">'
    )
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    caption = f'<text class="t" x="10" y="22">{escape(title)}</text>'
    axis = _axis(low, high, y, unit)
    return "\n".join(
        [head, f"<style>{_STYLE}</style>", background, caption, axis, *rows, "</svg>\n"]
    )


def _bar(
    texts: tuple[str, str], figure: Figure, y: float, span: tuple[float, float], *, strong: bool
) -> str:
    label, words = texts
    end, low, high = (_x(value, span) for value in (figure.median, figure.low, figure.high))
    middle = y + _BAR / 2
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 4:.0f}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{_LEFT}" y="{y:.0f}" width="{end - _LEFT:.1f}" height="{_BAR}"'
        f' fill="{_COLOURS[0 if strong else 1]}"/>'
        f'<path d="M{low:.1f} {middle:.0f}H{high:.1f}" stroke="#000"/>'
        f'<text x="{max(end, high) + 6:.1f}" y="{middle + 4:.0f}">{escape(words)}</text>'
    )


def _axis(low: float, high: float, bottom: float, unit: str) -> str:
    marks = []
    for exponent in range(round(math.log10(low)), round(math.log10(high)) + 1):
        x = _x(10.0**exponent, (low, high))
        marks.append(
            f'<path class="g" d="M{x:.1f} {_TOP - 10}V{bottom:.0f}"/>'
            f'<text class="a" x="{x:.1f}" y="{bottom + 16:.0f}" text-anchor="middle">'
            f"{10.0**exponent:g} {unit}</text>"
        )
    return "\n".join(marks)


def _x(value: float, span: tuple[float, float]) -> float:
    """Return where a value stands between the ends of the axis, which are powers of ten."""
    low, high = map(math.log10, span)
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (math.log10(value) - low) / (high - low)
