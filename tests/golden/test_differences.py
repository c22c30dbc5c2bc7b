"""Trees come back from their differences to the byte, or an error says that they do not."""

from __future__ import annotations

import pytest
from golden.differences import DoesNotFitError, differences, tree_of
from hypothesis import given
from hypothesis import strategies as st

_PATHS = ("mail/FILES", "mail/etc/a.conf", "mail/etc/b/a.conf", "ns/etc/a.conf", "ns/etc/c")
_LINES = st.sampled_from(
    ("", "x", "y", "==== z", "@@", "\\", "-x", "+x", " x", "x\r", "\u2028", "\x0c")
)
_CONTENTS = st.builds(
    lambda lines, end: ("\n".join(lines) + end).encode(),
    st.lists(_LINES, max_size=12),
    st.sampled_from(("", "\n")),
)
_TREES = st.dictionaries(st.sampled_from(_PATHS), _CONTENTS)


@given(_TREES, st.dictionaries(st.sampled_from(("one", "two", "three")), _TREES))
def test_every_tree_comes_back_to_the_byte(
    whole: dict[str, bytes], trees: dict[str, dict[str, bytes]]
) -> None:
    text = differences(whole, trees)
    assert {name: tree_of(whole, text, name) for name in trees} == trees


def test_a_tree_that_is_named_nowhere_is_the_whole_one() -> None:
    whole = {"mail/FILES": b"a\n"}
    text = differences(whole, {"one": {}})
    assert tree_of(whole, text, "two") == whole


def test_what_several_trees_have_alike_stands_there_once() -> None:
    whole = {"mail/a": b"1\n2\n3\n4\n", "mail/old/b": b"b\n", "mail/gone": b"g\n"}
    other = {"mail/a": b"1\n2\nx\n4\n", "mail/new/b": b"b\n", "mail/c": b"c\n"}
    third = {**other, "mail/a": b"1\n2\ny\n4\n"}
    assert differences(whole, {"one": other, "two": third, "three": other}) == (
        "==== one, three: mail/a\n@@\n 2\n-3\n+x\n 4\n"
        "==== two: mail/a\n@@\n 2\n-3\n+y\n 4\n"
        "==== only one, two, three: mail/c\n@@\n+c\n"
        "==== not one, two, three: mail/gone\n"
        "==== only one, two, three: mail/new/b, from mail/old/b\n"
        "==== not one, two, three: mail/old/b\n"
    )


def test_a_line_above_the_difference_does_not_change_the_text() -> None:
    """Numbers of lines would: each tree's differences would change with the whole one."""
    old, new = b"1\n2\n3\n", b"1\n2\nx\n"
    first = differences({"mail/a": old}, {"one": {"mail/a": new}})
    assert first == differences({"mail/a": b"0\n" + old}, {"one": {"mail/a": b"0\n" + new}})


def test_a_hunk_has_as_many_lines_around_it_as_its_place_takes() -> None:
    old = b"{\na\n}\n{\nb\na\n}\n"
    text = differences({"mail/a": old}, {"one": {"mail/a": old[:-4] + b"c\n}\n"}})
    assert text == "==== one: mail/a\n@@\n b\n-a\n+c\n }\n"
    same = b"{\na\n}\n" * 3
    text = differences({"mail/a": same}, {"one": {"mail/a": same[:-4] + b"c\n}\n"}})
    assert text.count("\n ") > len((" {", " }"))


_WHOLE = {"mail/a": b"1\n2\n3\n", "mail/b": b""}


@pytest.mark.parametrize(
    "text",
    [
        "==== one: mail/a\n@@\n 1\n-3\n",  # no such lines
        "==== one: mail/a\n@@\n 2\n-3\n@@\n 1\n+x\n",  # not below the hunk before
        "==== one: mail/a\n@@\n+x\n",  # nowhere
        "==== one: mail/b\n@@\n-x\n",
        "==== one: mail/a\n+x\n",  # no hunk
        "==== one: mail/a\n@@\n 1\n?x\n",
        "==== one: mail/a\n@@\n 1\n+x",
        "==== one: mail/a\n@@\n\\\n",
        "==== one: mail/a\n@@\n\n",
        "==== one: mail/c\n@@\n+x\n",  # no such file
        "==== only one: mail/a\n@@\n+x\n",  # there already
        "==== only one: mail/c, from mail/d\n",
        "==== not one: mail/c\n",
        "==== not one: mail/a\n==== not one: mail/a\n",
        "==== not one: mail/a\n==== only one: mail/a\n",
        "==== never\n",
        "@@\n 1\n",
    ],
)
def test_what_does_not_fit_to_the_letter_is_an_error(text: str) -> None:
    with pytest.raises(DoesNotFitError):
        tree_of(_WHOLE, text, "one")
