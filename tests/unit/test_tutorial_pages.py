"""The retold tutorial says the same in both languages, and what it says is there."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import yaml
from support.retold import PAGES, ROOT, blocks, page, proofs, prose, rows

from provisioner.cli.main import mailprov
from provisioner.site.load import load_site, parse_site

ENGLISH, CHINESE = (page(name) for name in PAGES)
LABELS = {
    "tutorial": ["By hand", "Here", "Instead", "See it"],
    "tutorial.zh": ["手工", "这里", "改进", "验证"],
}
SITE = ROOT / "inventories/tutorial/site.yaml"


def table_shapes(text: str) -> list[int]:
    """Return the number of cells of every table row, in order."""
    lines = (line for line in prose(text).splitlines() if line.startswith("|"))
    return [len(re.split(r"(?<!\\)\|", line)) for line in lines]


def test_both_pages_have_the_same_headings_tables_blocks_and_links() -> None:
    levels = [re.findall(r"^#+", prose(text), re.MULTILINE) for text in (ENGLISH, CHINESE)]
    assert levels[0] == levels[1]
    assert table_shapes(ENGLISH) == table_shapes(CHINESE)
    assert blocks(ENGLISH) == blocks(CHINESE)
    links = [set(re.findall(r"\]\((?!tutorial)([^)]+)\)", text)) for text in (ENGLISH, CHINESE)]
    assert links[0] == links[1]


def test_both_pages_name_the_same_settings_in_every_row() -> None:
    english, chinese = rows(ENGLISH), rows(CHINESE)
    assert len(english) == len(chinese)
    for (title, one), (other_title, other) in zip(english, chinese, strict=True):
        assert title.partition(" ")[0] == other_title.partition(" ")[0]
        got, want = (set(re.findall(r"`([^`\n]+)`", prose(text))) for text in (other, one))
        assert got == want, title


@pytest.mark.parametrize("name", PAGES)
def test_every_row_has_its_four_parts_and_a_proof(name: str) -> None:
    found = rows(page(name))
    assert [int(title.partition(".")[0]) for title, _ in found] == list(range(1, len(found) + 1))
    for title, content in found:
        assert re.findall(r"^\*\*(\w[\w ]*)\W\*\*", prose(content), re.MULTILINE) == LABELS[name], (
            title
        )
        assert len(proofs(content)) == 1, title


def test_what_a_command_shows_stands_below_it() -> None:
    for block, following in pairwise(blocks(ENGLISH)):
        assert (block.kind == "sh run") == (following.kind == "text")


def test_every_fragment_of_a_site_file_is_part_of_a_valid_site() -> None:
    whole = yaml.load(SITE.read_bytes(), Loader=yaml.BaseLoader)  # noqa: S506 makes texts only
    parts = [block.text for block in blocks(ENGLISH) if block.kind == "yaml part"]
    assert parts
    for text in parts:
        written = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 as above
        missing = {key: value for key, value in whole.items() if key not in written}
        parse_site((text + yaml.safe_dump(missing)).encode(), "fragment")


def test_the_whole_file_is_the_inventory_of_the_tutorial() -> None:
    (text,) = (block.text for block in blocks(ENGLISH) if block.kind == "yaml whole")
    assert parse_site(text.encode(), "page").site == load_site(SITE).site


def test_every_command_has_a_verb_that_exists() -> None:
    known = set(mailprov.list_commands(None))  # type: ignore[arg-type]
    commands = "\n".join(block.text for block in blocks(ENGLISH) if block.kind.startswith("sh"))
    named = re.findall(r"(?:^|/|[A-Z]=\S+ )mailprov ([a-z]+)", commands, re.MULTILINE)
    assert len(named) > 10
    assert sorted(set(named) - known) == []


def test_every_verb_that_the_text_speaks_of_exists() -> None:
    known = set(mailprov.list_commands(None))  # type: ignore[arg-type]
    for text in (ENGLISH, CHINESE):
        named = set(re.findall(r"`mailprov ([a-z]+)", prose(text)))
        assert sorted(named - known) == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_that_exist(name: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page(name)):
        assert (ROOT / "docs" / target).exists(), target
