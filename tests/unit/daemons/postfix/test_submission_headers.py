"""Which From lines a submission port takes: what Postfix's own postmap(1) answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from unit.render.sites import ONE_HOST, artifacts_of, site_of

pytestmark = pytest.mark.skipif(not shutil.which("postmap"), reason="Postfix is not installed")

OWN = (
    "From: alice@example.org",
    "From: Alice <alice@example.org>",
    "from : Alice <alice@EXAMPLE.org>",
    "FROM:alice@example.net (Alice)",
    'From: "Doe, John <x>" <alice+x@example.org>',
    'From: "a\\"b" <alice@example.org>',
    'From: "alice@example.org" <alice@example.org>',
    "From: =?utf-8?q?Gr=C3=BC=C3=9Fe?= <alice@example.org>",
    "From: Grüße J. Ö. O'Brien (Sales) <alice@example.org>",
    'From: "a long name"\n\t<alice@example.org>',
    "From:\n alice@example.org",
    "From: Alice <alice@xn--mnchen-3ya.example>",
    "From: Alice <alice@MÜNCHEN.example>",
)
FOREIGN = (
    "From: ceo@bank.example",
    "From: alice <ceo@bank.example.org>",
    "From: alice <ceo@badexample.org>",
    "From: alice <ceo@example.org.bank>",
    "From: alice <ceo@exampleXorg>",
    'From: "alice@example.org" <ceo@bank.example>',
)
NOT_ONE = (
    "From:",
    "From: ",
    "From: <>",
    "From: alice",
    "From: alice@example.org, ceo@bank.example",
    "From: ceo@bank.example, alice@example.org",
    "From: <ceo@bank.example> <alice@example.org>",
    "From: <alice@example.org> <ceo@bank.example>",
    "From: ceo@bank.example <alice@example.org>",
    "From: ceo@bank.example (alice@example.org)",
    "From: ceo@bank.example (<alice@example.org>)",
    "From: ceo@bank.example (\\) <alice@example.org>",
    "From: x (@example.org) <ceo@bank.example> (@example.org)",
    "From: group: ceo@bank.example;",
    "From: <@bank.example:alice@example.org>",
    'From: ceo@bank.example "<alice@example.org>',
    'From: "<ceo@bank.example>\\" <alice@example.org>',
    'From: ceo"@bank.example <alice@example.org>"@bank.example',
    'From: "ceo"@bank.example',
    "From: ceo@[192.0.2.1]",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = artifacts_of(
        site_of(ONE_HOST, "domains: {example.net: {}, münchen.example: {}}\n"), "mail"
    )
    (artifact,) = (files[path] for path in files if "submission-headers" in path)
    folder = tmp_path_factory.mktemp("headers")
    identity = (
        "compatibility_level = 2\nmyhostname = mail.example.org\ninet_interfaces = 127.0.0.1\n"
    )
    for name, content in (("main.cf", identity.encode()), ("table", artifact.content)):
        (folder / name).write_bytes(content)
        # Postfix waits until a file that was written just now has been still for a second.
        os.utime(folder / name, (0, 0))
    return folder / "table"


def action(table: Path, header: str) -> str:
    done = subprocess.run(
        ["postmap", "-c", table.parent, "-q", header, f"regexp:{table}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("header", OWN)
def test_an_address_of_the_site_is_taken_in_every_form_that_programs_write(
    table: Path, header: str
) -> None:
    assert action(table, header) == "DUNNO"


@pytest.mark.parametrize("header", FOREIGN)
def test_an_address_of_another_domain_is_refused(table: Path, header: str) -> None:
    assert action(table, header).startswith("REJECT 5.7.1 From has to be an address of example.org")


@pytest.mark.parametrize("header", NOT_ONE)
def test_what_could_be_read_as_another_address_is_refused(table: Path, header: str) -> None:
    assert action(table, header).startswith("REJECT 5.7.1 From has to hold one address")


@pytest.mark.parametrize("header", ["Subject: From: ceo@bank.example", "X-From: a", "From-x: a"])
def test_other_headers_are_left_alone(table: Path, header: str) -> None:
    assert action(table, header) == ""


def test_where_a_user_sat_is_hidden(table: Path) -> None:
    received = "Received: from pc (x [192.0.2.7]) by mail.example.org (Postfix) with ESMTPSA id 1"
    assert action(table, received) == (
        "REPLACE Received: by mail.example.org (Postfix) with ESMTPSA id 1"
    )
