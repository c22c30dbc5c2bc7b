"""What a site file may not say in Postfix's own words is told at the key, with a way out."""

from __future__ import annotations

import pytest
from unit.render.sites import ONE_HOST, site_of

from provisioner.diagnostics import Diagnostic, MailprovError


def refusal(part: str, options: str) -> Diagnostic:
    """Return what is told of options in `postfix`, which is one thing."""
    with pytest.raises(MailprovError) as refused:
        site_of(ONE_HOST, f"postfix: {{{part}: {options}}}\n")
    (told,) = refused.value.diagnostics
    return told


@pytest.mark.parametrize("value", ["smtpd", "smtpd -o smtpd_banner=x", "pipe flags=R argv=/bin/x"])
def test_a_command_may_have_several_words(value: str) -> None:
    site = site_of(ONE_HOST, f"postfix: {{master: {{10025/inet: {{command: {value}}}}}}}\n")
    assert site.postfix.master["10025/inet"]["command"] == value


@pytest.mark.parametrize("column", ["command", "process_limit"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_column_is_refused(column: str, value: str) -> None:
    """Without a command the line of the first option would take its place."""
    told = refusal("master", f'{{587: {{{column}: "{value}"}}}}')
    assert f"postfix.master.587.{column}: more than one word, or none" in told.summary


@pytest.mark.parametrize(
    ("name", "value", "ways"),
    [
        ("relayhost", "u:hunter2@smtp.example.net", {"relay"}),
        ("smtp_sasl_password_maps", "static:u:hunter2", {"relay", "rows"}),
        ("virtual_alias_maps", "inline:{password = hunter2}", {"own file", "rows"}),
        ("smtpd_milters", "u:hunter2@host", {"relay", "own file"}),
    ],
)
def test_who_wrote_a_secret_is_told_where_this_one_can_stand(
    name: str, value: str, ways: set[str]
) -> None:
    told = refusal("main", f'{{{name}: "{value}"}}').fix
    words = {"relay": "`relay`", "rows": f"`{name}: {{secret: ", "own file": "file of your own"}
    assert {way for way, word in words.items() if word in told} == ways
