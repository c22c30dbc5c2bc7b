"""Domains as people type them where they log in."""

from __future__ import annotations

import re
import unicodedata

import pytest

from provisioner.model.names import DomainName
from provisioner.render.spelling import domain_pattern, typed_domain

MUNICH = "münchen.example"


def matches(domain: str, typed: str) -> bool:
    pattern = domain_pattern(DomainName.parse(domain))
    assert pattern is not None
    # Dovecot and Postfix compare bytes, after they have made ASCII letters lower case.
    folded = "".join(one.lower() if one.isascii() else one for one in typed)
    return bool(re.fullmatch(pattern.encode(), folded.encode()))


def test_a_domain_in_ascii_has_one_spelling() -> None:
    assert domain_pattern(DomainName.parse("example.org")) is None


def test_an_international_domain_is_written_as_its_owner_wrote_it() -> None:
    assert typed_domain(DomainName.parse(MUNICH)) == MUNICH


@pytest.mark.parametrize(
    "typed",
    [MUNICH, "MÜNCHEN.example", "München.Example", unicodedata.normalize("NFD", MUNICH)],
)
def test_capitals_and_letters_apart_from_their_marks_are_the_same_domain(typed: str) -> None:
    assert matches(MUNICH, typed)


@pytest.mark.parametrize(
    "typed",
    [
        "munchen.example",
        "muenchen.example",
        "xmünchen.example",
        "münchen.example.org",
        "münchenxexample",
    ],
)
def test_another_domain_is_another_one(typed: str) -> None:
    assert not matches(MUNICH, typed)


def test_a_sharp_s_is_no_double_s() -> None:
    assert matches("straße.example", "Straße.example")
    assert not matches("straße.example", "STRASSE.example")


@pytest.mark.parametrize("domain", [MUNICH, "пример.example", "例え.example", "ελλάδα.example"])
def test_a_pattern_is_safe_between_quotes_of_a_configuration(domain: str) -> None:
    pattern = domain_pattern(DomainName.parse(domain))
    assert pattern is not None
    assert re.fullmatch(r"[^\s\"'\\/;%$#{}]+", pattern)
