"""The prober's messages."""

from __future__ import annotations

import email
import email.policy

from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients.probe_message import (
    compose_message,
    find_token,
    is_left_behind,
    message_id_of,
)

NOW = 1_700_000_000.0
MESSAGE = compose_message("prober@probe.test", "ab12", NOW)


def test_a_message_is_what_smtp_may_carry() -> None:
    lines = MESSAGE.split(b"\r\n")
    assert sorted(map(len, lines))[-2:] == [998, 5000]
    assert not [line for line in lines if b"\r" in line or b"\n" in line]
    assert MESSAGE.endswith(b"\r\n")


def test_a_message_may_be_without_a_line_that_is_too_long_for_other_servers() -> None:
    short = compose_message("prober@probe.test", "ab12", NOW, long_line=False)
    assert max(map(len, short.split(b"\r\n"))) == 998


def test_a_message_may_claim_to_be_from_elsewhere_and_is_still_found_and_deleted() -> None:
    content = compose_message("prober@probe.test", "ab12", NOW, header_from="victim@example.com")
    got = email.message_from_bytes(content, policy=email.policy.default)
    assert got["From"].addresses[0].addr_spec == "victim@example.com"
    assert find_token(message_id_of(content)) == "ab12"


def test_a_message_has_what_servers_are_known_to_break() -> None:
    body = MESSAGE.partition(b"\r\n\r\n")[2]
    for tricky in (b".\r\n", b"\r\n..\r\n", b"   \r\n", "ß".encode(), b"\r\nFrom ", b"\r\n\r\n"):
        assert tricky in body


def test_a_message_is_read_without_a_defect() -> None:
    got = email.message_from_bytes(MESSAGE, policy=email.policy.default)
    assert (got["To"], got["Auto-Submitted"], got.defects) == (
        "prober@probe.test",
        "auto-generated",
        [],
    )


@given(st.binary(min_size=1, max_size=16))
def test_the_token_is_found_in_the_message(token: bytes) -> None:
    message = compose_message("prober@probe.test", token.hex(), NOW)
    assert find_token(message_id_of(message)) == token.hex()


def test_other_peoples_message_ids_carry_no_token() -> None:
    assert find_token("<20230101.ab12@probe.test>") is None


def test_mail_of_another_verification_under_way_is_left_alone_and_all_else_is_not() -> None:
    own = message_id_of(MESSAGE)
    got = [
        is_left_behind(own, NOW + 30),
        is_left_behind(own, NOW + 3600),
        is_left_behind("<bounce@mail.probe.test>", NOW),
        is_left_behind("", NOW),
    ]
    assert got == [False, True, True, True]
