"""Postfix is restarted only for what it reads when it starts."""

from __future__ import annotations

from dataclasses import replace

from unit.render.sites import ONE_HOST, artifacts_of, site_of

from provisioner.daemons.postfix.behaviour import BEHAVIOUR

_MAIN = artifacts_of(site_of(ONE_HOST), "mail")["/etc/postfix/main.cf"]


def test_another_set_of_protocols_needs_a_restart() -> None:
    before = _MAIN.content.replace(b"inet_protocols = ipv4", b"inet_protocols = all")
    assert before != _MAIN.content
    assert BEHAVIOUR.needs_restart(_MAIN, before)


def test_another_limit_does_not() -> None:
    before = _MAIN.content.replace(b"delay_warning_time = 3h", b"delay_warning_time = 4h")
    assert before != _MAIN.content
    assert not BEHAVIOUR.needs_restart(_MAIN, before)


def test_bytes_that_are_no_text_elsewhere_in_the_file_are_no_reason() -> None:
    """Somebody may have written it in another encoding before mailprov came."""
    before = "# caf\xe9\n".encode("latin-1") + _MAIN.content
    assert not BEHAVIOUR.needs_restart(_MAIN, before)


def test_what_was_there_is_unknown_so_it_restarts() -> None:
    assert BEHAVIOUR.needs_restart(_MAIN, None)


def test_a_file_that_says_so_restarts() -> None:
    assert BEHAVIOUR.needs_restart(replace(_MAIN, path="/etc/resolv.conf", restart=True), b"")
