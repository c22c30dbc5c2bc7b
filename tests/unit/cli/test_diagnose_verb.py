"""Since when, as a person says it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from provisioner.cli.diagnose_verb import parse_since
from provisioner.diagnostics import ExitCode, MailprovError

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("1w", 604800)]
)
def test_so_long_ago(text: str, seconds: float) -> None:
    assert parse_since(text, NOW) == seconds


def test_a_moment_with_its_zone() -> None:
    assert parse_since("2026-11-24T10:00Z", NOW) == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_a_moment_without_a_zone_is_here() -> None:
    got = parse_since("2026-11-24T10:00", NOW)
    assert got == datetime(2026, 11, 24, 10, 0).astimezone()


@pytest.mark.parametrize("text", ["", "yesterday", "-1h", "1 h", "1y", "25:00", "9999999d"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(MailprovError, match="--since is not a time") as caught:
        parse_since(text, NOW)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("1969-12-31T00:00Z", "--since is too long ago"),
        ("0001-01-01", "--since is not a time|--since is too long ago"),
        ("2016-11-01T00:00Z", "--since is too long ago"),
        ("999999d", "--since is too long ago"),
        ("2026-11-26T00:01Z", "--since is in the future"),
        ("9999-12-31T23:59", "--since is not a time|--since is in the future"),
    ],
)
def test_what_no_log_can_hold_is_told(text: str, want: str) -> None:
    with pytest.raises(MailprovError, match=want) as caught:
        parse_since(text, NOW)
    assert caught.value.exit_code is ExitCode.USAGE
    (problem,) = caught.value.diagnostics
    assert all([problem.got, problem.want, problem.fix])
