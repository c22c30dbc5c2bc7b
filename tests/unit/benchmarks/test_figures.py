"""Figures from repeated runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, bytes_text, figure_of, interleaved, ratio, seconds_text

seconds = st.lists(st.floats(min_value=0.001, max_value=1e4), min_size=1, max_size=20)


def test_a_figure_is_the_median_with_the_lowest_and_the_highest_run() -> None:
    assert figure_of([3.0, 1.0, 10.0]) == Figure(3.0, 1.0, 10.0, 3)


@given(seconds)
def test_the_median_lies_between_the_lowest_and_the_highest_run(values: list[float]) -> None:
    figure = figure_of(values)
    assert figure.low <= figure.median <= figure.high
    assert figure.runs == len(values)


def test_no_run_gives_no_figure() -> None:
    with pytest.raises(ValueError, match="no run"):
        figure_of([])


def test_a_ratio_is_between_medians() -> None:
    assert ratio(figure_of([10.0, 30.0, 20.0]), figure_of([2.0])) == 10.0


def test_contenders_take_turns_so_that_drift_meets_all_alike() -> None:
    assert interleaved(["a", "b"], 2) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


@pytest.mark.parametrize(
    ("figure", "want"),
    [
        (Figure(0.0824, 0.0801, 0.0911, 5), "0.082 (0.080-0.091)"),
        (Figure(1.234, 1.2, 1.3, 5), "1.23 (1.20-1.30)"),
        (Figure(63.21, 60.0, 71.0, 5), "63.2 (60.0-71.0)"),
    ],
)
def test_seconds_have_as_many_digits_as_mean_something(figure: Figure, want: str) -> None:
    assert seconds_text(figure) == want


def test_bytes_are_counted_in_thousands() -> None:
    assert [bytes_text(n) for n in (6_093, 999_999, 1_240_000)] == ["6 kB", "1000 kB", "1.2 MB"]
