"""The words of the protocol, on both sides: what the shell tells and asks is what is read here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.remote_parts import SHELL

from provisioner.remote import protocol
from provisioner.remote.protocol import Answer, Asked, ExitStatus, Section, Staged, follow, up_to
from provisioner.transport.program_start import ProgramStart

CODE = {
    name: "".join(
        line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#")
    )
    for name, text in SHELL.items()
}
# What a script of Postfix's, the shell and a signal have of their own.
OTHERS = {1, 130}


def found(pattern: str, *, also: str = "") -> set[str]:
    text = "\n".join(CODE.values()) + also
    return set(re.findall(pattern, text, re.MULTILINE))


def sections_told() -> set[str]:
    told = found(r"\bsection ([a-z-]+)") | found(r"'@([a-z]+)\\t") | found(r'print "@([a-z]+) "')
    # `show_files NAME FILE NAME FILE …`, over several lines.
    (shown,) = re.findall(
        r"^ +show_files (.+?[^\\])$", CODE["observe.sh"], re.MULTILINE | re.DOTALL
    )
    return told | set(shown.replace("\\\n", " ").split()[::2])


def test_every_section_that_a_program_tells_is_known_and_every_known_one_is_told() -> None:
    assert sections_told() == set(Section)


def test_nothing_heads_a_section_in_another_way_than_these() -> None:
    """Else the test above would not see it."""
    heads = found(r"""printf '(@[^']*)'|print "(@[^"]*)"|echo "?(@\S*)""")
    assert {"".join(head) for head in heads} == {
        r"@%s\n",  # section()
        r"@state\t%s\t%s\t%s\n",
        "@",  # show_files()
        "@sockets ",
    }


def test_every_exit_status_has_a_name_and_every_name_is_used() -> None:
    used = {
        int(number)
        for number in found(r"\bexit ([0-9]+)", also=" ".join(ProgramStart("none").argv()))
    }
    assert used - OTHERS == set(ExitStatus)


def test_every_row_of_a_transaction_is_read_and_every_row_that_is_read_is_named() -> None:
    read = found(r"\bstaged(?:_rows?)? ([a-z-]+)")
    # Several at once.
    (several,) = re.findall(r"for kind in ([a-z ]+); do\n +staged ", CODE["begin.sh"])
    assert read | set(several.split()) == set(Staged)


def test_every_row_that_tells_what_to_look_at_is_read_and_named() -> None:
    read = found(r"\bpick ([a-z]+)")
    for part in ("log.sh", "way_out.sh", "destroy.sh", "listening.sh"):
        read |= set(re.findall(r"\b(?:one|rows) ([a-z]+)", CODE[part]))
    assert read == set(Asked)


@pytest.mark.parametrize("module", ["verbs", "facts", "plan", "probes", "diagnosis"])
def test_no_reader_knows_a_section_by_a_word_of_its_own(module: str) -> None:
    folder = Path(protocol.__file__).parents[1] / module
    own = re.compile(r"""["']@[a-z]|split_sections\(.*\) if|partition\("@"\)\[0\] ==""")
    assert [path.name for path in folder.glob("*.py") if own.search(path.read_text())] == []


LINES = st.lists(
    st.sampled_from(
        ["@end", "@ready", "@check postconf 1", "@check dovecot 0", "|text", "row\t1", ""]
    )
)


@given(LINES)
def test_an_answer_in_parts_has_every_line_of_it_in_order(lines: list[str]) -> None:
    again: list[str] = []
    for part in Answer.read(lines).parts:
        again += [f"@{part.section} {part.argument}".rstrip(), *part.lines]
    first = next((n for n, line in enumerate(lines) if line.startswith("@")), len(lines))
    assert again == lines[first:]


@given(LINES)
def test_an_answer_is_at_its_end_only_where_its_last_line_says_so(lines: list[str]) -> None:
    assert Answer.read(lines).ends_with(Section.END) == (lines[-1:] == ["@end"])


@given(LINES)
def test_nobody_reads_behind_the_line_that_ends_a_flight(lines: list[str]) -> None:
    rest = iter(lines)
    first = list(up_to(Section.READY, rest))
    assert "@ready" not in first[:-1]
    assert [*first, *rest] == lines


def test_what_comes_before_any_section_belongs_to_none() -> None:
    assert [line.section for line in follow(["noise", "@end"])] == ["", "end"]
