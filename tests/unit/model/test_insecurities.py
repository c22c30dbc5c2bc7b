"""Every unsafe thing that a site does and may do is told where it stands."""

from __future__ import annotations

from typing import Any

import pytest
from support.readings import reading_of

from provisioner.model.insecurities import INSECURITIES, warn_insecurities
from provisioner.model.problems import KeyPath
from provisioner.model.site import Allowance
from provisioner.model.warnings import warn_site

MD5 = "{MD5-CRYPT}$1$saltsalt$" + "a" * 22
BCRYPT = "{BLF-CRYPT}$2b$12$" + "a" * 53


def test_every_allowance_has_a_reason_and_a_safe_setting() -> None:
    assert set(INSECURITIES) == set(Allowance)
    for told in INSECURITIES.values():
        assert told.what
        assert len(told.risk) > 20
        assert len(told.safe) > 20
        assert not told.summary.endswith(".")


@pytest.mark.parametrize(
    ("allowance", "sections", "want"),
    [
        (
            "open-relay",
            {"networks": {"trusted": ["0.0.0.0/1", "128.0.0.0/1"], "resolver": ["10.0.0.0/8"]}},
            [(("networks", "trusted"), "0.0.0.0/1, 128.0.0.0/1")],
        ),
        (
            "open-resolver",
            {"networks": {"resolver": ["::/0"]}},
            [(("networks", "resolver"), "::/0")],
        ),
        (
            "open-resolver",
            {"networks": {"trusted": ["0.0.0.0/0"]}},
            [
                (
                    ("networks", "trusted"),
                    "0.0.0.0/0, which may query the resolver if `resolver` is missing",
                )
            ],
        ),
        ("no-tls", {"tls": "none"}, [(("tls",), "none")]),
        (
            "cleartext-login",
            {
                "submission": {"cleartext_login": "true"},
                "imap": {"cleartext_login": "false"},
                "pop3": {"cleartext_login": "true"},
            },
            [
                (("submission", "cleartext_login"), "true"),
                (("pop3", "cleartext_login"), "true"),
            ],
        ),
        (
            "weak-hash",
            {"users": {"alice": {"password": MD5}, "bob": {"password": BCRYPT}}},
            [(("users", "alice", "password"), "{MD5-CRYPT}")],
        ),
        (
            "weak-hash",
            {"users": {"alice": {"password": MD5}, "bob": {"password": {"env": "BOB"}}}},
            [
                (("users", "alice", "password"), "{MD5-CRYPT}"),
                (
                    ("allow_insecure", "weak-hash"),
                    "1 password by reference, which `plan` and `apply` check",
                ),
            ],
        ),
    ],
)
def test_an_allowance_in_use_is_told_where_it_is_used(
    allowance: str, sections: dict[str, Any], want: list[tuple[KeyPath, str]]
) -> None:
    reading = reading_of(allow_insecure={allowance: "a lab"}, **sections)
    warnings = list(warn_insecurities(reading))
    assert [(one.path, one.got) for one in warnings] == want
    told = INSECURITIES[Allowance(allowance)]
    for warning in warnings:
        assert (warning.summary, warning.want) == (told.summary, told.safe)
        assert allowance in warning.fix


def test_without_tls_the_way_out_of_cleartext_logins_begins_with_tls() -> None:
    reading = reading_of(
        allow_insecure={"no-tls": "a lab", "cleartext-login": "a lab"},
        tls="none",
        imap={"cleartext_login": "true"},
    )
    told = {warning.path: warning.want for warning in warn_insecurities(reading)}
    want = "first `tls: self-signed`, then `cleartext_login: false`"
    assert told["imap", "cleartext_login"] == want


def test_an_allowance_that_nothing_uses_is_told_once_and_as_that() -> None:
    (warning,) = warn_site(reading_of(allow_insecure={"no-tls": "a lab"}))
    assert warning.summary == "an unused allowance"


def test_long_lists_of_networks_are_cut() -> None:
    networks = [f"{2 * number}.0.0.0/7" for number in range(64)]
    reading = reading_of(networks={"resolver": networks}, allow_insecure={"open-resolver": "x"})
    (warning,) = warn_insecurities(reading)
    assert warning.got == "0.0.0.0/7, 2.0.0.0/7, 4.0.0.0/7, 6.0.0.0/7 and 60 more"
