"""Since when, as a person says it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from provisioner.cli.since import parse_since
from provisioner.diagnostics import ExitCode, MailprovError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("1w", 604800)]
)
def test_so_long_ago(text: str, seconds: float) -> None:
    assert parse_since(text) == seconds


def test_a_moment_with_its_zone() -> None:
    assert parse_since("2026-11-24T10:00Z") == datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_a_moment_without_a_zone_is_here() -> None:
    got = parse_since("2026-11-24T10:00")
    assert got == datetime(2026, 11, 24, 10, 0).astimezone()


@pytest.mark.parametrize("text", ["", "yesterday", "-1h", "1 h", "1y", "25:00", "9999999d"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(MailprovError, match="--since is no time") as caught:
        parse_since(text)
    assert caught.value.exit_code is ExitCode.USAGE
