"""What each version of Postfix has: protections came to several branches at once."""

from __future__ import annotations

import pytest

from provisioner.daemons.postfix.features import PostfixFeatures, postfix_features
from provisioner.platforms.records import platform_named


def features(version: str, *ported_back: str) -> PostfixFeatures:
    postfix = platform_named("debian-12").daemons["postfix"]
    return postfix_features(
        postfix.model_copy(update={"version": version, "ported_back": ported_back})
    )


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
    assert features(version).forbid_bare_newline == want


def test_what_a_vendor_ported_back_counts_and_never_lessens_what_the_version_has() -> None:
    assert features("3.6.4").forbid_bare_newline == ""
    # What the value `normalize` came with was ported back or not: `yes` is right in both cases.
    assert features("3.6.4", "smtpd_forbid_bare_newline").forbid_bare_newline == "yes"
    assert features("3.7.11", "smtpd_forbid_bare_newline").forbid_bare_newline == "normalize"
    got = features("3.5.8", "smtpd_forbid_unauth_pipelining", "cleanup_replace_stray_cr_lf")
    assert (got.forbid_unauth_pipelining, got.replace_stray_cr_lf) == (True, True)
    assert got.forbid_bare_newline == ""


@pytest.mark.parametrize(
    ("version", "want"),
    [("3.5.19", False), ("3.5.20", True), ("3.7.5", False), ("3.7.6", True), ("3.9.0", True)],
)
def test_pipelining_control_follows_the_exact_version(version: str, want: bool) -> None:  # noqa: FBT001 the expected value
    assert features(version).forbid_unauth_pipelining is want


def test_the_compatibility_level_is_one_that_the_version_knows() -> None:
    # 3.6 is a fatal error in 3.5.
    assert features("3.5.25").compatibility_level == "2"
    assert features("3.6.0").compatibility_level == "3.6"


def test_before_3_6_relaying_is_judged_after_the_recipient() -> None:
    assert not features("3.5.25").relay_first
    assert features("3.6.0").relay_first


def test_the_floor_of_tls_is_written_in_the_words_of_the_version() -> None:
    assert features("3.5.25").tls_floor.startswith("!SSLv2")
    assert features("3.7.11").tls_floor == ">=TLSv1.2"


def test_finite_field_groups_are_named_only_where_the_parameter_exists() -> None:
    assert not features("3.7.11").ffdhe_auto_groups
    assert features("3.8.0").ffdhe_auto_groups


@pytest.mark.parametrize("version", ["3.7", "3.7.11-snapshot", "3.10-20240901"])
def test_an_unusual_version_text_is_understood(version: str) -> None:
    assert features(version).compatibility_level in {"2", "3.6"}


@pytest.mark.parametrize("version", ["", "unknown", "3", "²"])
def test_what_is_no_version_is_not_taken_for_an_old_one(version: str) -> None:
    with pytest.raises(ValueError, match="no version of Postfix"):
        features(version)
