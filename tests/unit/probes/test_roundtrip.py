"""Whether mail went through, from what was sent and what was read."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients.probe_message import compose_message
from provisioner.model.services import SERVICE_BY_NAME
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Endpoint
from provisioner.probes.roundtrip import (
    MailPath,
    Read,
    Reader,
    RoundTripAnswer,
    RoundTripQuestion,
    Sent,
    describe_difference,
)

ADDRESS = ip_address("192.0.2.10")
SMTP = SERVICE_BY_NAME["smtp"]
IMAPS = SERVICE_BY_NAME["imaps"]
PATH = MailPath(Endpoint("mail", ADDRESS, 25), SMTP, "mail", login=False)
READER = Reader(Endpoint("mail", ADDRESS, 993), IMAPS)
QUESTION = RoundTripQuestion(
    id="mail.round-trip@mail",
    text="?",
    endpoint=READER.endpoint,
    recipient="prober@probe.test",
    paths=(PATH,),
    readers=(READER,),
)
MESSAGE = compose_message("prober@probe.test", "ab12", 1_700_000_000.0)
DELIVERED = b"Return-Path: <>\r\nReceived: from x\r\n\tby y\r\n" + MESSAGE
SENT = Sent(PATH, accepted=True, words="250 queued", content=MESSAGE)
GOOD = RoundTripAnswer(sent=(SENT,), read=(Read(READER, (DELIVERED,)),), left=0)


def failures(answer: RoundTripAnswer) -> dict[str, Finding]:
    return {f.id: f for f in QUESTION.judge(answer) if f.status is Status.FAILED}


def test_a_message_that_comes_back_unchanged_passes_three_times() -> None:
    got = [(finding.id, finding.status) for finding in QUESTION.judge(GOOD)]
    want = [
        ("mail.accepted.smtp@mail", Status.PASSED),
        ("mail.read.imaps@mail", Status.PASSED),
        ("mail.cleaned@mail", Status.PASSED),
    ]
    assert got == want


def test_a_message_that_is_refused_fails_with_the_servers_words() -> None:
    refused = replace(SENT, accepted=False, words="451 4.3.0 broken")
    got = failures(replace(GOOD, sent=(refused,), read=(Read(READER, (None,)),)))
    assert got["mail.accepted.smtp@mail"].got == "451 4.3.0 broken"
    assert "no message was accepted" in got["mail.read.imaps@mail"].got


def test_a_message_that_does_not_arrive_fails() -> None:
    got = failures(replace(GOOD, read=(Read(READER, (None,)),)))
    assert "port 25 was accepted but is not in the mailbox" in got["mail.read.imaps@mail"].got


def test_a_reader_that_cannot_log_in_fails_with_the_servers_words() -> None:
    got = failures(replace(GOOD, read=(Read(READER, (None,), "login: NO denied"),)))
    assert got["mail.read.imaps@mail"].got.startswith("login: NO denied")


def test_a_message_that_came_changed_fails() -> None:
    changed = DELIVERED.replace(b"..\r\n", b".\r\n")
    got = failures(replace(GOOD, read=(Read(READER, (changed,)),)))
    assert "body line 2: got b'.', want b'..'" in got["mail.read.imaps@mail"].got


@pytest.mark.parametrize("left", [1, -1])
def test_a_mailbox_that_is_not_clean_fails(left: int) -> None:
    assert set(failures(replace(GOOD, left=left))) == {"mail.cleaned@mail"}


def test_headers_on_top_are_no_difference() -> None:
    assert describe_difference(MESSAGE, DELIVERED) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: mailprov", b"Subject: [list] mailprov"),
        (b"\tand deletes", b" and deletes"),
        (b"blanks at the end   \r\n", b"blanks at the end\r\n"),
        (b"From the first", b">From the first"),
        ("Grüße".encode(), b"Gr=C3=BC=C3=9Fe"),
        (b"\r\n\r\n.\r\n", b"\r\n\r\n"),
    ],
)
def test_every_change_that_servers_make_is_seen(old: bytes, new: bytes) -> None:
    assert old in MESSAGE
    assert describe_difference(MESSAGE, DELIVERED.replace(old, new)) is not None


@given(st.integers(0, len(MESSAGE) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unseen(position: int, by: int) -> None:
    other = bytearray(MESSAGE)
    other[position] ^= by
    assert describe_difference(MESSAGE, bytes(other)) is not None


@given(st.integers(0, len(MESSAGE) - 1))
def test_no_lost_byte_goes_unseen(position: int) -> None:
    other = MESSAGE[:position] + MESSAGE[position + 1 :]
    assert describe_difference(MESSAGE, other) is not None
