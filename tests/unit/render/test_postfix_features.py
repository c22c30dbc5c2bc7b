"""What each version of Postfix has: protections came to several branches at once."""

from __future__ import annotations

import pytest

from provisioner.render.postfix_features import postfix_features


@pytest.mark.parametrize(
    ("version", "want"),
    [
        ("3.5.9", ""),
        ("3.5.22", ""),
        ("3.5.23", "yes"),
        ("3.5.25", "normalize"),
        ("3.6.13", "yes"),
        ("3.7.9", "yes"),
        ("3.7.11", "normalize"),
        ("3.8.4", "yes"),
        ("3.8.5", "normalize"),
        ("3.9.0", "normalize"),
        ("3.10.13", "normalize"),
        ("4.0.0", "normalize"),
        ("3.4.30", ""),
    ],
)
def test_the_cure_for_smuggling_follows_the_exact_version(version: str, want: str) -> None:
    assert postfix_features(version).forbid_bare_newline == want


@pytest.mark.parametrize(
    ("version", "want"),
    [("3.5.19", False), ("3.5.20", True), ("3.7.5", False), ("3.7.6", True), ("3.9.0", True)],
)
def test_pipelining_control_follows_the_exact_version(version: str, want: bool) -> None:  # noqa: FBT001 the expected value
    assert postfix_features(version).forbid_unauth_pipelining is want


def test_the_compatibility_level_is_one_that_the_version_knows() -> None:
    # 3.6 is a fatal error in 3.5.
    assert postfix_features("3.5.25").compatibility_level == "2"
    assert postfix_features("3.6.0").compatibility_level == "3.6"


def test_the_floor_of_tls_is_written_in_the_words_of_the_version() -> None:
    assert postfix_features("3.5.25").tls_floor.startswith("!SSLv2")
    assert postfix_features("3.7.11").tls_floor == ">=TLSv1.2"


def test_finite_field_groups_are_named_only_where_the_parameter_exists() -> None:
    assert not postfix_features("3.7.11").ffdhe_auto_groups
    assert postfix_features("3.8.0").ffdhe_auto_groups


@pytest.mark.parametrize("version", ["3.7", "3.7.11-snapshot", "3.10-20240901", ""])
def test_an_unusual_version_text_is_understood(version: str) -> None:
    assert postfix_features(version).compatibility_level in {"2", "3.6"}
