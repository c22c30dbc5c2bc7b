"""What counts as a difference of a managed file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden.rewrite import PLATFORMS, SITES, golden_tree
from support.generations import GENERATION, USERS, state_of

from provisioner.model.rules.secrets import shows_secret
from provisioner.resources.file_problems import access_problems, file_problems, unified_diff
from provisioner.resources.file_state import FileState
from provisioner.resources.recipe import Recipe, recipe_problems


def aspects(**changed: object) -> list[str]:
    state = replace(state_of(USERS), **changed)  # type: ignore[arg-type]
    return [problem.aspect for problem in file_problems(USERS, state)]


def test_a_file_as_it_was_written_has_no_problem() -> None:
    assert file_problems(USERS, state_of(USERS)) == ()


def test_each_aspect_counts() -> None:
    assert aspects(sha256="0" * 64) == ["content"]
    assert aspects(owner="alice") == ["owner"]
    assert aspects(group="alice") == ["group"]
    assert aspects(mode=0o644) == ["mode"]
    assert aspects(kind="symbolic link") == ["kind"]


def test_a_missing_file_is_one_problem() -> None:
    assert [problem.aspect for problem in file_problems(USERS, None)] == ["missing"]


def test_no_content_is_quoted() -> None:
    (problem,) = file_problems(USERS, replace(state_of(USERS), sha256="0" * 64, content=b"secret"))
    assert "secret" not in problem.got + problem.want


def test_a_missing_directory_is_one_problem() -> None:
    (directory,) = GENERATION.folders
    assert [problem.aspect for problem in access_problems(directory, None)] == ["missing"]


def test_a_trust_anchor_may_be_a_link_until_unbound_has_its_own() -> None:
    # As Enterprise Linux 10 packages it; chown(1) would change the package's file.
    link = FileState("symbolic link", "root", "root", 0o777, None)
    anchor = Recipe("trust-anchor", "/var/lib/unbound/root.key", "", "unbound", "unbound", 0o644)
    assert recipe_problems(anchor, link) == ()
    file = FileState("regular file", "root", "root", 0o644, None)
    assert [problem.aspect for problem in recipe_problems(anchor, file)] == ["owner", "group"]
    certificate = Recipe("self-signed", "/etc/mailprov/tls/site.pem", "mail.example.org")
    assert [problem.aspect for problem in recipe_problems(certificate, link)] == ["mode"]


def test_nothing_but_a_line_feed_ends_a_line() -> None:
    got = unified_diff(b"a\xc2\x85b\x0cc\r\n", "a\u2028b\n".encode(), "x", "x")
    assert got.split("\n")[3:] == ["-a\x85b\x0cc\r", "+a\u2028b", ""]


def test_a_file_in_another_encoding_is_shown_too() -> None:
    got = unified_diff(b"# f\xfcr alle\na = 1\n", b"a = 1\n", "x", "x")
    assert got.split("\n")[3:] == ["-# f\ufffdr alle", " a = 1", ""]


@pytest.mark.parametrize(
    "line",
    [
        "smtp_sasl_password_maps = static:site:s3cret",
        "    static:site:s3cret",
        "imapc_password = s3cret",
        "driver = pgsql; connect = host=db user=mail password=s3cret",
        "relayhost = smtp://site:s3cret@smtp.example.net",
        "    cookie-secret: s3cret",
    ],
)
def test_a_secret_that_somebody_wrote_into_an_open_file_is_not_shown(line: str) -> None:
    """A main.cf that was found on the host had the password of the smarthost in it."""
    diff = unified_diff(f"biff = no\n{line}\n".encode(), b"biff = yes\n", "main.cf", "main.cf")
    assert "s3cret" not in diff
    assert "-(a line with a secret, not shown)\n" in diff
    assert "-biff = no\n" in diff


def test_what_mailprov_writes_itself_is_shown_line_by_line() -> None:
    trees = [golden_tree(name, platform) for name in SITES for platform in PLATFORMS]
    lines = {
        line
        for tree in trees
        for path, content in tree.items()
        if "/etc/" in path
        for line in content.decode().splitlines()
    }
    assert lines
    assert [line for line in sorted(lines) if shows_secret(line)] == []
