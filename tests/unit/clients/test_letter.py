"""The message that `mailprov send` sends, as a reader of mail takes it apart."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients.letter import Letter, compose_letter
from provisioner.diagnostics import ExitCode, MailprovError

NOW = 1_800_000_000.0


def composed(subject: str = "Hi", body: str = "text") -> tuple[bytes, str]:
    letter = Letter("alice@example.org", ("bob@example.org", "x@b.example"), subject, body)
    return compose_letter(letter, now=NOW, token="t0k3n")


def test_the_header_has_what_a_mail_client_writes() -> None:
    content, message_id = composed("Grüße")
    got = message_from_bytes(content, policy=default)
    assert message_id == "<t0k3n.mailprov@example.org>"
    assert dict(got.items()) == {
        "Date": "Fri, 15 Jan 2027 08:00:00 +0000",
        "From": "alice@example.org",
        "To": "bob@example.org, x@b.example",
        "Subject": "Grüße",
        "Message-ID": message_id,
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "7bit",
        "MIME-Version": "1.0",
    }


@pytest.mark.parametrize("subject", ["two\nBcc: eve@b.example", "a\rb", "bell\a", "\u202ereversed"])
def test_a_subject_cannot_add_a_header(subject: str) -> None:
    with pytest.raises(MailprovError, match="--subject contains control characters") as raised:
        composed(subject)
    assert raised.value.exit_code == ExitCode.USAGE


def test_a_body_that_is_no_utf8_is_wrong_usage() -> None:
    with pytest.raises(MailprovError, match="--body is not UTF-8") as raised:
        composed(body="a\udcffb")
    assert raised.value.exit_code == ExitCode.USAGE


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=3000))
def test_any_body_passes_any_server_and_comes_out_as_it_went_in(body: str) -> None:
    content, _ = composed(body=body)
    assert content.isascii()
    assert content.endswith(b"\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") == content.count(b"\r")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    got = message_from_bytes(content, policy=default).get_content()
    got = got.replace("\r\n", "\n")
    assert got.removesuffix("\n") == body.removesuffix("\n")


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=300))
def test_any_subject_comes_out_as_it_went_in(subject: str) -> None:
    if not subject.isprintable():
        return
    got = message_from_bytes(composed(subject)[0], policy=default)["Subject"]
    assert got.split() == subject.split()
