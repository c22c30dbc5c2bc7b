"""Passwords that are soon guessed are recognised, and nothing of them is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.names import MailAddress
from provisioner.site.weak_passwords import hints_about, reason_weak

HINTS = hints_about(MailAddress.parse("wang@mail.example.co.uk"), "Wang Sheng-Li")


def test_hints_are_what_everybody_knows_of_a_user() -> None:
    assert HINTS == ("wang", "Wang", "Sheng", "Li", "mail", "example", "co")


@pytest.mark.parametrize(
    ("password", "want"),
    [
        ("", "fewer than 8"),
        ("Zz9$kQ2", "fewer than 8"),
        ("Xk-WANG-93-blue", "name"),
        ("sheng.0q8w7e6r", "name"),
        ("my-Example-7261", "name"),
        ("password", "first million"),
        ("12345678", "first million"),
        ("qwertyuiop", "first million"),
        ("Passw0rd!", "first million"),
        ("aaaaaaaaaaaaaaaaaaaa", "first million"),
        ("a" * 10_000, "first million"),
    ],
)
def test_what_is_soon_guessed_is_told_why(password: str, want: str) -> None:
    reason = reason_weak(password, HINTS)
    assert reason is not None
    assert want in reason


@pytest.mark.parametrize(
    "password",
    ["correct horse 'battery' staple", "Zwölf Boxkämpfer jagen", "xK7dQ0bW3_vT", "li-co-li 7Qz!r"],
)
def test_what_is_not_soon_guessed_passes(password: str) -> None:
    assert reason_weak(password, HINTS) is None


def test_the_hints_of_one_user_do_not_judge_the_next() -> None:
    assert reason_weak("zanzibar7kumquat", ["zanzibar"])
    assert reason_weak("zanzibar7kumquat", ["alice"]) is None


@given(st.text(min_size=6, max_size=80), st.text(max_size=10))
def test_any_text_is_judged_and_no_part_of_it_told(password: str, hint: str) -> None:
    reason = reason_weak(password, [hint])
    assert reason is None or reason in {
        "it has fewer than 8 characters",
        "it contains the user's or the domain's name",
        "it is among an attacker's first million guesses",
    }
