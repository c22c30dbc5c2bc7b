"""How a host's condition looks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.generations import CERTIFICATE

from provisioner.cli.status_view import (
    condition_json,
    condition_lines,
    render_age,
    render_octets,
)
from provisioner.diagnostics import printable
from provisioner.facts.queue import Queue, QueuedMessage, Waiting
from provisioner.facts.status_facts import DiskSpace
from provisioner.model.names import HostKey
from provisioner.plan.condition import Condition, UnitCondition
from provisioner.resources.change import Drift

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GENERATION = "3f0c2a9be1d4c875"


def message(
    sender: str = "ann@north.example", *reasons: str, identity: str = "4jYf"
) -> QueuedMessage:
    recipients = tuple(
        Waiting(f"r{number}@south.example", reason) for number, reason in enumerate(reasons)
    )
    arrived = int((NOW - timedelta(hours=3)).timestamp())
    return QueuedMessage(identity, "deferred", arrived, 1300, sender, recipients)


def condition(queue: Queue | None = None, **changed: object) -> Condition:
    fields: dict[str, object] = {
        "host": HostKey("mail"),
        "recorded": GENERATION,
        "wanted": GENERATION,
        "now": NOW,
        "applied": NOW - timedelta(days=2),
        "units": (UnitCondition("postfix.service", "active", NOW - timedelta(minutes=5), 0),),
        "drift": (),
        "due": 0,
        "unconfirmed": "",
        "has_certificate": True,
        "certificate": replace(CERTIFICATE, ends=NOW + timedelta(days=50)),
        "has_queue": True,
        "queue": queue or Queue(0),
        "queue_warning": timedelta(hours=6),
        "disk": DiskSpace("/", 10 * 1024**3, 4 * 1024**3),
    }
    return Condition(**{**fields, **changed})  # type: ignore[arg-type]


def text(one: Condition) -> str:
    return "\n".join(map(str, condition_lines(one)))


def test_a_healthy_host_is_a_few_calm_lines() -> None:
    assert text(condition()) == (
        "mail: ok\n"
        "  generation   3f0c2a9be1d4c875, applied 2026-11-22 12:00 UTC (2 d ago)\n"
        "  postfix      active since 2026-11-24 11:55 UTC (5 min ago)\n"
        "  files        as they were applied\n"
        "  certificate  CN=mail.example.org until 2027-01-13 (50 days left)\n"
        "  mail disk    4.0G of 10.0G free (mounted at /)\n"
        "  queue        empty"
    )


def test_waiting_mail_is_shown_with_its_reason_and_how_to_hurry_it() -> None:
    got = text(condition(Queue(25, (message("", "no route", "no route", "timed out"),))))
    assert got.endswith(
        "  queue        25 messages waiting\n"
        "\n"
        "    ID    AGE  SIZE  FROM  TO\n"
        "    4jYf  3 h  1.3K  <>    r0@south.example, r1@south.example and 1 more\n"
        "      no route (and 1 other reason)\n"
        "    and 24 younger\n"
        "    Postfix tries again by itself; `/usr/sbin/postqueue -f` on mail does it now"
    )


def test_drift_is_named_and_much_of_it_is_cut_short() -> None:
    many = tuple(Drift(f"/etc/x{number}", "content differs") for number in range(12))
    got = text(condition(drift=many))
    assert got.startswith("mail: 12 files edited on the host\n")
    assert "/etc/x9: content differs" in got
    assert "/etc/x10" not in got
    assert "and 2 more; `mailprov plan` shows them in full" in got


def test_a_host_without_a_certificate_or_a_queue_says_nothing_of_them() -> None:
    got = text(
        condition(
            has_certificate=False, certificate=None, has_queue=False, disk=None, recorded=None
        )
    )
    assert "never applied" in got
    for word in ("certificate", "queue", "disk"):
        assert word not in got


@given(st.text(), st.text())
def test_no_strangers_text_moves_the_cursor(sender: str, reason: str) -> None:
    got = condition_lines(condition(Queue(1, (message(sender, reason),))))
    assert all(str(line).isprintable() for line in got)


def test_an_escape_sequence_is_shown_and_not_obeyed() -> None:
    got = text(condition(Queue(1, (message("\x1b[2J\u202e@x", "\x9b31m\n@end"),))))
    assert "\\x1b[2J\\u202e@x" in got
    assert "\\x9b31m\\n@end" in got


def test_the_json_document_holds_everything_shown() -> None:
    one = condition(Queue(1, (message("a@b.example", "later"),)))
    got = json.loads(json.dumps(condition_json(one)))
    (waiting,) = got["queue"]["messages"]
    assert (waiting["age_seconds"], waiting["sender"]) == (10800, "a@b.example")
    assert waiting["recipients"] == [{"address": "r0@south.example", "reason": "later"}]
    assert got["certificate"]["days_left"] == 50
    assert got["generation"]["applied"] == "2026-11-22T12:00:00Z"


@pytest.mark.parametrize(
    ("seconds", "want"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200000, "2 d")]
)
def test_ages_are_told_in_their_largest_unit(seconds: int, want: str) -> None:
    assert render_age(timedelta(seconds=seconds)) == want


@pytest.mark.parametrize(
    ("octets", "want"), [(0, "0"), (1023, "1023"), (1536, "1.5K"), (5 * 1024**4, "5.0T")]
)
def test_sizes_are_told_in_powers_of_1024(octets: int, want: str) -> None:
    assert render_octets(octets) == want


def test_long_texts_are_cut() -> None:
    assert printable("a" * 50, 10) == "a" * 9 + "…"
