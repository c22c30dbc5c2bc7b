"""What a host is asked of files: each with what tells an edit, and no secret's content."""

from __future__ import annotations

from dataclasses import replace

from support.generations import GENERATION, MAIN_CF, MAP, USERS, fulfilled

from provisioner.facts.host import Introduction
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import observation_rows
from provisioner.render.directory_table import TABLE_PATH
from provisioner.resources.file_state import LeftFile, left_by

CERTIFICATE = "/etc/mailprov/tls/site.pem"
NOBODYS = Introduction({})


def asked(introduction: Introduction, wanted: Generation = GENERATION) -> dict[str, list[str]]:
    """Return wanted digest, secrecy and the digest that was left, by path."""
    rows = (row.split("\t") for row in observation_rows(wanted, introduction).decode().splitlines())
    files = [row[1:] for row in rows if row[0] == "file"]
    assert len({path for path, *_ in files}) == len(files)
    return {path: rest for path, *rest in files}


def left(*paths: str, secret: bool = False) -> Introduction:
    """Return the introduction of a host that was left with these files."""
    files: dict[str, LeftFile] = dict.fromkeys(paths, replace(left_by(MAP), secret=secret))
    return replace(NOBODYS, left=files)


def test_a_file_is_asked_for_with_what_it_is_to_be_and_what_was_left() -> None:
    assert asked(NOBODYS)[MAIN_CF.path] == [MAIN_CF.sha256, "0", "-"]
    assert asked(left(MAIN_CF.path))[MAIN_CF.path] == [MAIN_CF.sha256, "0", MAP.sha256]


def test_the_content_of_a_secret_is_never_asked_for() -> None:
    got = {path: secret for path, (_, secret, _) in asked(fulfilled().introduction).items()}
    assert (got[MAIN_CF.path], got[MAP.path]) == ("0", "0")
    assert (got[USERS.path], got[CERTIFICATE]) == ("1", "1")
    gone = "/etc/dovecot/mailprov/gone"
    assert asked(left(gone, secret=True))[gone] == ["-", "1", MAP.sha256]


def test_what_was_left_is_asked_for_where_it_is_wanted_no_more() -> None:
    gone = "/etc/postfix/mailprov/gone"
    got = asked(left(gone))
    assert got[gone] == ["-", "0", MAP.sha256]
    assert got.keys() - asked(NOBODYS).keys() == {gone}


def test_what_the_host_makes_or_has_as_a_table_is_no_file_that_was_left() -> None:
    assert asked(left(CERTIFICATE, TABLE_PATH)) == asked(NOBODYS)
    assert asked(NOBODYS)[CERTIFICATE] == ["-", "1", "-"]
