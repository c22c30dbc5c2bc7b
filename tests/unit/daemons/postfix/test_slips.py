"""Slips in Postfix's own words are told by name; the harmful ones are not handed on."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from support.readings import reading_of

from provisioner.daemons.postfix.slips import (
    NO_SUCH_PARAMETERS,
    absent_parameters,
    repeated_domains,
    warn_postfix_slips,
)


@pytest.mark.skipif(not shutil.which("postconf"), reason="postconf is not installed")
def test_the_table_holds_what_postfix_has_not_and_names_what_it_has() -> None:
    done = subprocess.run(["postconf", "-d"], capture_output=True, text=True, check=True)
    known = {line.partition(" =")[0] for line in done.stdout.splitlines()}
    assert NO_SUCH_PARAMETERS.keys() & known == set()
    meant = {name for text in NO_SUCH_PARAMETERS.values() for name in text.split(" and ")}
    assert meant - known == set()


def test_a_parameter_that_no_postfix_has_is_told_where_it_stands() -> None:
    name = "smtpd_sasl_security_restrictions"
    reading = reading_of(
        postfix={"main": {name: "noanonymous"}, "master": {"587/inet": {name: "noanonymous"}}}
    )
    warnings = list(warn_postfix_slips(reading))
    assert [one.path for one in warnings] == [
        ("postfix", "main", name),
        ("postfix", "master", "587/inet", name),
    ]
    for warning in warnings:
        assert warning.at_key
        assert warning.summary.startswith("Postfix has no such parameter")
        assert "leaves it out" in warning.summary
        assert warning.want == "smtpd_sasl_security_options and smtpd_sasl_tls_security_options"


def test_a_variable_of_the_writers_own_is_no_slip() -> None:
    main = {"mynetwork": "10.0.0.0/8"}
    assert absent_parameters(main, {}) == {"mynetwork"}
    for value in ("$mynetwork", "127.0.0.0/8 ${mynetwork}", "$(mynetwork)"):
        assert absent_parameters(main, {"25/inet": {"mynetworks": value}}) == set()


def test_other_unknown_parameters_are_the_daemons_business() -> None:
    assert list(warn_postfix_slips(reading_of(postfix={"main": {"x_y": "1"}}))) == []


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("$mydestination", ("$mydestination",)),
        ("${mydestination}, partner.example", ("${mydestination}",)),
        ("$(virtual_mailbox_domains)", ("$(virtual_mailbox_domains)",)),
        ("$mydomain partner.example", ("$mydomain",)),
        ("$myhostname", ("$myhostname",)),
        ("${myhostname}, localhost", ("${myhostname}", "localhost")),
        ("localhost.$mydomain,\tlocalhost.example.org", None),
        ("Example.ORG., mail.example.org", ("Example.ORG.", "mail.example.org")),
        ("example.net", ("example.net",)),
        ("sub.$mydomain", ()),
        ("sub.example.org, notexample.org", ()),
        ("$relay_things", ()),
        ("hash:/etc/postfix/relay", ()),
        ("", ()),
    ],
)
def test_a_relay_domain_that_is_the_sites_own_is_found(
    value: str, want: tuple[str, ...] | None
) -> None:
    own = ["example.org", "example.net", "mail.example.org"]
    expected = tuple(value.split(",\t")) if want is None else want
    assert repeated_domains(value, "example.org", own) == expected


@pytest.mark.parametrize("name", ["local_recipient_maps", "virtual_mailbox_maps"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_table_of_recipients_is_told_because_it_takes_mail_for_everybody(
    name: str, value: str
) -> None:
    (warning,) = warn_postfix_slips(reading_of(postfix={"main": {name: value}}))
    assert warning.path == ("postfix", "main", name)
    assert "accept mail for unknown users" in warning.summary


def test_a_table_of_recipients_with_something_in_it_is_no_slip() -> None:
    main = {"local_recipient_maps": "unix:passwd.byname", "virtual_alias_maps": ""}
    assert list(warn_postfix_slips(reading_of(postfix={"main": main}))) == []


def test_relay_domains_that_repeat_mydestination_are_told_with_the_reason() -> None:
    reading = reading_of(
        domains={"example.net": {}}, postfix={"main": {"relay_domains": "a.test, example.net"}}
    )
    (warning,) = warn_postfix_slips(reading)
    assert (warning.path, warning.got) == (("postfix", "main", "relay_domains"), "example.net")
    assert "repeats mydestination" in warning.summary
    assert "anybody" in warning.summary
    assert "remove it" in warning.fix
