"""The prober's account: its own messages go where nobody else's are taken."""

from __future__ import annotations

from provisioner.verbs.asking import ProbeAccount

_ADDRESS = "mailprov-probe@example.org"
_BEFORE = ProbeAccount(_ADDRESS, _ADDRESS, "right horse")
_NOW = ProbeAccount(_ADDRESS, _ADDRESS, "right horse", "0f0f")


def test_a_host_that_has_no_word_yet_is_asked_at_the_bare_address() -> None:
    assert _BEFORE.recipient == _ADDRESS
    assert _BEFORE.addressed(f"RCPT TO:<{_ADDRESS}>") == f"RCPT TO:<{_ADDRESS}>"


def test_its_messages_name_the_word_and_others_commands_do_not() -> None:
    assert _NOW.recipient == "mailprov-probe+0f0f@example.org"
    assert _NOW.addressed(f"RCPT TO:<{_ADDRESS}>") == f"RCPT TO:<{_NOW.recipient}>"
    for command in (f"MAIL FROM:<{_ADDRESS}>", "RCPT TO:<victim@example.com>"):
        assert _NOW.addressed(command) == command


def test_the_word_is_in_nothing_that_is_shown() -> None:
    words = f"550 5.1.1 <{_NOW.recipient}>: Recipient address rejected"
    assert _NOW.hidden(words) == f"550 5.1.1 <{_ADDRESS}>: Recipient address rejected"
    assert "0f0f" not in repr(_NOW)
