"""What is read of a certificate that lies on a host, and what is taken for none."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.generations import NOW
from support.told_facts import told_certificate as told

from provisioner.facts.certificate import parse_certificate

CLOCK = str(int(NOW.timestamp()))


def test_names_and_dates_are_read() -> None:
    got = parse_certificate(told("mail.example.org", "imap.example.org"))
    assert got is not None
    assert got.names == ("mail.example.org", "imap.example.org")
    assert (got.begins, got.ends) == (NOW - timedelta(days=1), NOW + timedelta(days=90))
    assert got.read_at == NOW
    assert [not got.flaw(name) for name in (*got.names, "example.org")] == [True, True, False]


def test_a_common_name_is_none_of_its_names() -> None:
    # RFC 9525, section 2: clients look at subjectAltName alone.
    got = parse_certificate(told())
    assert got is not None
    assert got.flaw("mail.example.org")


@pytest.mark.parametrize(("says", "serves"), [(None, True), (False, True), (True, False)])
def test_one_that_may_sign_others_does_not_serve(*, says: bool | None, serves: bool) -> None:
    got = parse_certificate(told("mail.example.org", authority=says))
    assert got is not None
    assert got.authority is not serves
    assert (not got.flaw("mail.example.org")) is serves


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [CLOCK],
        [CLOCK, "-----BEGIN CERTIFICATE-----"],
        [CLOCK, "-----BEGIN CERTIFICATE-----", "MIIB", "-----END CERTIFICATE-----"],
        [CLOCK, *told("mail.example.org")[1:5], "-----END CERTIFICATE-----"],
        ["no clock", *told("mail.example.org")[1:]],
    ],
)
def test_what_cannot_be_read_is_none(rows: list[str]) -> None:
    assert parse_certificate(rows) is None
