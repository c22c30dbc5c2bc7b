"""Spans of time: one spelling is read, the others are told the right one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.durations import parse_duration, read_duration, render_duration
from provisioner.model.values import InvalidValueError

MINUTE, WEEK = timedelta(minutes=1), timedelta(weeks=1)


@pytest.mark.parametrize("text", ["", "3", "h", "3 h", "3H", "-3h", "3h30m", "٣h", "1e3s", "3h\n"])
def test_what_is_no_span_is_refused_with_the_form(text: str) -> None:
    assert read_duration(text) is None
    with pytest.raises(InvalidValueError) as refusal:
        parse_duration(text, MINUTE, WEEK)
    assert "like 3h" in refusal.value.fix


@pytest.mark.parametrize(("text", "fix"), [("59s", "write 1m"), ("8d", "write 1w")])
def test_a_span_out_of_range_is_told_the_nearest(text: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_duration(text, MINUTE, WEEK)
    assert (refusal.value.fix, refusal.value.want) == (fix, "a time from 1m to 1w, like 3h")


@given(st.integers(min_value=1, max_value=999_999))
def test_what_is_written_out_is_read_back(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert read_duration(render_duration(span)) == span
