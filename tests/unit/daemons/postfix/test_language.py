"""main.cf is read as Postfix reads it: `$`, lists, tables in the text."""

from __future__ import annotations

import pytest

from provisioner.daemons.postfix.language import (
    expand,
    is_top_level,
    table_rows,
    words,
)

VALUES = {"one": "1", "nested": "$one 2", "empty": "", "circle": "a $circle", "deep": "${nested}"}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("$one", "1"),
        ("${one}", "1"),
        ("$(one)", "1"),
        ("a${one}b$nested", "a1b1 2"),
        ("$$one", "$one"),
        ("$unknown", ""),
        ("$deep", "1 2"),
        ("${one?yes}", "yes"),
        ("${empty?yes}", ""),
        ("${empty:no}", "no"),
        ("${one?{yes $one}:{no}}", "yes 1"),
        ("${empty?{yes}:{no}}", "no"),
        ("${one?}${one:}", ""),
        # What Postfix refuses to read stands for nothing, or goes on to the end.
        ("${!}", ""),
        ("a${one", "a1"),
        ("${{$one} == {1} ? {same} : {other}}", "same"),
        ("${{$one} != {1} ? {other} : {same}}", "same"),
        ("5 $ 6", "5 $ 6"),
    ],
)
def test_names_are_expanded(text: str, want: str) -> None:
    assert expand(text, lambda name: VALUES.get(name, "")) == want


@pytest.mark.parametrize(
    "circle", ["a $x", "a ${x}", "a ${x?{$x}}", "a ${one?{$x}}", "a ${{$x} == {1} ? {b} : {c}}"]
)
def test_a_circle_ends_in_nothing(circle: str) -> None:
    got = expand("$x", lambda name: circle if name == "x" else "1")
    assert set(got.split()) <= {"a", "c"}


def test_a_list_is_parted_at_blanks_and_commas_but_not_within_braces() -> None:
    assert words("a, b\n  c,{d e, f},g{h i}") == ["a", "b", "c", "{d e, f}", "g{h i}"]


@pytest.mark.parametrize(
    ("word", "want"),
    [
        ("static:all", [("", "all")]),
        ("static:{permit me}", [("", "permit me")]),
        ("inline:{a=OK, {b = REJECT no}}", [("a", "OK"), ("b", "REJECT no")]),
        ("inline:{ {a = OK}, {b = x y} }", [("a", "OK"), ("b", "x y")]),
        ("inline:{a={b}}", [("a", "{b}")]),
        ("cidr:{{0.0.0.0/0 permit}}", [("0.0.0.0/0", "permit")]),
        ("cidr:{{10.0.0.0/8 450 4.7.1 Go away}}", [("10.0.0.0/8", "450 4.7.1 Go away")]),
        ("regexp:{{/./ OK}, {/^x@/ OK}}", [("", "OK")]),
        ("pcre:{{!/example/i OK}}", [("", "OK")]),
        ("hash:/etc/postfix/access", None),
        ("cidr:/etc/postfix/networks", None),
        ("permit", None),
    ],
)
def test_tables_that_are_written_out_are_read(
    word: str, want: list[tuple[str, str]] | None
) -> None:
    assert table_rows(word) == want


def test_a_top_level_name_is_half_the_world() -> None:
    assert is_top_level("com")
    assert is_top_level(".Org")
    assert is_top_level("XN--P1AI")
    ours = ("localhost", "lan", "example.org", "10", "$x", "!com", "xn--p1ai.com", "permit-x")
    assert not any(map(is_top_level, ours))
