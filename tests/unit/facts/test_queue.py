"""The queue as postqueue(1) lists it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from provisioner.facts.queue import Queue, QueuedMessage, Waiting, parse_queue

# As Postfix 3.7.11 prints it.
LINE = (
    '{"queue_name": "deferred", "queue_id": "4jYfDZ5wRhzNnrM", "arrival_time": 1795516142, '
    '"message_size": 394, "forced_expire": false, "sender": "ann@north.example", "recipients": '
    '[{"address": "bea@south.example", "delay_reason": "connect to mail.south.example'
    '[198.18.0.20]:25: Connection refused"}, {"address": "ben@south.example"}]}'
)
ENDED = "ended\t0"


def test_a_message_is_read_with_each_recipients_reason() -> None:
    reason = "connect to mail.south.example[198.18.0.20]:25: Connection refused"
    want = QueuedMessage(
        id="4jYfDZ5wRhzNnrM",
        queue="deferred",
        arrived=1795516142,
        size=394,
        sender="ann@north.example",
        recipients=(Waiting("bea@south.example", reason), Waiting("ben@south.example")),
    )
    assert parse_queue([LINE, "total\t1", ENDED]) == Queue(1, (want,))


def test_the_longest_waiting_comes_first_and_the_total_counts_all() -> None:
    older = LINE.replace("1795516142", "1795516000").replace("4jYfDZ5wRhzNnrM", "older")
    got = parse_queue([LINE, older, "total\t70000", ENDED])
    assert got is not None
    assert ([one.id for one in got.oldest], got.total) == (["older", "4jYfDZ5wRhzNnrM"], 70000)


def test_an_empty_queue_is_not_an_unreadable_one() -> None:
    assert parse_queue(["total\t0", ENDED]) == Queue(0)
    assert parse_queue(["total\t0", "ended\t69"]) is None
    assert parse_queue([]) is None


def test_a_line_that_is_no_message_is_counted_and_left_out() -> None:
    got = parse_queue(['{"queue_id": "cut', '{"queue_id": "x"}', "total\t2", ENDED])
    assert got == Queue(2)


@given(st.text(), st.text())
def test_whatever_an_address_holds_it_stays_one_address(sender: str, address: str) -> None:
    row = {
        "queue_name": "hold",
        "queue_id": "X",
        "arrival_time": 1,
        "message_size": 2,
        "sender": sender,
        "recipients": [{"address": address}],
    }
    got = parse_queue([json.dumps(row), "total\t1", ENDED])
    assert got is not None
    assert (got.oldest[0].sender, got.oldest[0].recipients[0].address) == (sender, address)
