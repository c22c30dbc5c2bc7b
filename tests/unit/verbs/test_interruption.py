"""Ctrl-C while hosts are at work: who is still at work is told, and who is not is not."""

from __future__ import annotations

import pytest
from support.refs import ref

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.verbs.interruption import AtWork

NS, MAIL = ref("ns"), ref("mail")


def interrupt(at_work: AtWork) -> MailprovError:
    with pytest.raises(MailprovError) as caught, at_work.told():
        raise KeyboardInterrupt
    assert caught.value.exit_code is ExitCode.INTERRUPTED
    return caught.value


def test_who_is_at_work_is_told() -> None:
    at_work = AtWork("interrupted", "wait")
    with at_work.on(NS):
        pass
    with at_work.on(MAIL):
        assert interrupt(at_work).diagnostics == (Diagnostic("interrupted", "mail", fix="wait"),)


def test_with_several_sites_the_host_is_told_with_its_site() -> None:
    at_work = AtWork("interrupted", "wait", str)
    with at_work.on(MAIL):
        assert [one.where for one in interrupt(at_work).diagnostics] == ["example.org/mail"]


def test_where_nobody_is_at_work_it_stays_what_it_is() -> None:
    at_work = AtWork("interrupted", "wait")
    with pytest.raises(KeyboardInterrupt), at_work.told():
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("code", "want"), [(ExitCode.UNREACHABLE, True), (ExitCode.REFUSED, False)]
)
def test_a_host_whose_connection_was_closed_is_still_at_work(code: ExitCode, *, want: bool) -> None:
    at_work = AtWork("interrupted", "wait")
    with pytest.raises(MailprovError), at_work.on(NS):
        raise MailprovError(Diagnostic("gone"), code)
    with at_work.on(MAIL):
        told = [one.where for one in interrupt(at_work).diagnostics]
    assert ("ns" in told) is want
    assert "mail" in told
