"""Operators read each sentence once: sentences are short, and each thing has one word."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from provisioner.cli.main import mailprov
from provisioner.model.site import Role

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "provisioner"
LONGEST = 20
"""Words in a sentence. A quotation in backquotes, a list of such, and a URL are one word each."""

# A page that comes to hold joins them; none leaves.
SHORT_PAGES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "README.md",
    "benchmarks/README.md",
    "docs/architecture.md",
    "docs/fault-matrix.md",
    "docs/glossary.md",
    "docs/reference/README.md",
    "docs/reference/commands.md",
    "docs/reference/diagnosis.md",
    "docs/reference/on-the-host.md",
    "docs/reference/site-file.md",
    "docs/tutorial.md",
)


def _literals(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module with their lines; docstrings and comments are for its readers."""
    tree = ast.parse(path.read_text())
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            inner.update(id(part) for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [one.value if isinstance(one, ast.Constant) else "X" for one in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner
        ):
            yield node.lineno, node.value


def _helps(command: click.Command) -> Iterator[tuple[str, str]]:
    yield str(command.name), command.help or ""
    if isinstance(command, click.Group):
        for one in command.commands.values():
            yield from _helps(one)


@cache
def messages() -> tuple[tuple[str, str], ...]:
    """Return all that an operator may be shown, each text with its place."""
    found = list(_helps(mailprov))
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        found += [(f"{place}:{line}", text) for line, text in _literals(path)]
    for path in sorted(
        [*PACKAGE.rglob("failures.toml"), *PACKAGE.glob("diagnosis/failures/*.toml")]
    ):
        place = path.relative_to(ROOT).as_posix()
        for entry in tomllib.loads(path.read_text())["entry"]:
            words = [entry[key] for key in ("title", "cause", "fix") if key in entry]
            found += [(f"{place} {entry['id']}", text) for text in words]
    return tuple(found)


def passages(page: str) -> Iterator[str]:
    """Yield the paragraphs, list items and cells of a page, without its code."""
    text = re.sub(r"^ *```.*?^ *```", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        rows = re.findall(r"^\s*\|.*$", block, re.MULTILINE)
        yield from (cell for row in rows for cell in row.split("|"))
        prose = re.sub(r"^\s*\|.*$", "", block, flags=re.MULTILINE)
        yield from re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", prose)


def comments(text: str) -> Iterator[str]:
    """Yield the comments of a site file, without the commands that are indented in them."""
    blocks = re.findall(r"(?:^# (?!  ).*\n?)+", text, re.MULTILINE)
    yield from (re.sub(r"^# ", "", block, flags=re.MULTILINE) for block in blocks)
    yield from re.findall(r"^[^#\n]* # (.*)$", text, re.MULTILINE)


def long_sentences(text: str) -> list[str]:
    """Return the sentences of more than LONGEST words; a colon and a semicolon end one, too."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    plain = re.sub(r"`[^`]*`|\{[^{}]*\}|https?://\S+", "X", plain)
    plain = re.sub(r"X(?:,?\s+X)+", "X", plain)
    sentences = re.split(r"[.;:?!](?:\s+|$)", " ".join(plain.split()))
    return [
        one for one in sentences if sum(bool(re.search(r"\w", w)) for w in one.split()) > LONGEST
    ]


def glossary() -> dict[str, tuple[str, ...]]:
    """Return each word of the glossary with the words that it stands for."""
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \|([^|]*)\|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE
    )
    return {
        word: tuple(filter(None, (one.strip() for one in instead.split(","))))
        for word, instead in rows
        if word not in {"word", "---"}
    }


def _pattern(avoided: str) -> re.Pattern[str]:
    return re.compile(rf"\b{re.escape(avoided)}\b", re.IGNORECASE)


AVOIDED = [(word, one) for word, instead in glossary().items() for one in instead]
SITES = sorted((ROOT / "inventories").rglob("*.yaml"))


def test_no_sentence_of_a_message_is_long() -> None:
    # Texts with line ends are files, programs and patterns rather than sentences.
    found = {
        place: sentences
        for place, text in messages()
        if "\n" not in text and (sentences := long_sentences(text))
    }
    assert found == {}


@pytest.mark.parametrize("page", SHORT_PAGES)
def test_no_sentence_of_a_page_is_long(page: str) -> None:
    assert [one for passage in passages(page) for one in long_sentences(passage)] == []


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.relative_to(ROOT).as_posix())
def test_the_comments_of_an_inventory_have_short_sentences_and_the_words_of_the_glossary(
    site: Path,
) -> None:
    texts = [" ".join(one.split()) for one in comments(site.read_text())]
    assert texts
    assert [one for text in texts for one in long_sentences(text)] == []
    assert [
        (word, text) for word, one in AVOIDED for text in texts if _pattern(one).search(text)
    ] == []


def test_comments_are_read_as_paragraphs_and_without_their_commands() -> None:
    text = "# One\n# two.\n#\n#   mailprov plan\n#\n# Three.\na: 1  # four\nb: 2\n# Five.\n"
    assert list(comments(text)) == ["One\ntwo.\n", "Three.\n", "Five.\n", "four"]


def test_a_long_sentence_is_found_and_what_is_quoted_is_one_word() -> None:
    words = " ".join(["word"] * LONGEST)
    assert long_sentences(f"Short. {words}.") == []
    assert long_sentences(f"Short. {words} more.") == [f"{words} more"]
    assert long_sentences(f"{words[5:]} `a command of many words`.") == []


@pytest.mark.parametrize(("word", "avoided"), AVOIDED)
def test_a_message_says_the_word_of_the_glossary(word: str, avoided: str) -> None:
    found = [place for place, text in messages() if _pattern(avoided).search(text)]
    assert found == [], f"say: {word}"


def test_the_glossary_is_read_whole_and_has_each_word_once() -> None:
    text = (ROOT / "docs/glossary.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    heads = text.count("| word |")
    assert len(glossary()) == len(rows) - heads
    assert {"return", "restore", "message"} <= glossary().keys()


def test_the_glossary_names_every_role() -> None:
    (row,) = re.findall(r"^\| role \|(.*)$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    assert {f"`{role}`" for role in Role} <= set(re.findall(r"`[^`]+`", row))
