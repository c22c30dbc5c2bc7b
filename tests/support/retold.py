"""The two pages that retell the tutorial, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("tutorial", "tutorial.zh")


@dataclass(frozen=True)
class Block:
    """A fenced block. kind: the words after the fence, like `sh run`."""

    kind: str
    text: str


def page(name: str) -> str:
    """Return the text of a page under docs/."""
    return (ROOT / f"docs/{name}.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a text, in order."""
    found = re.findall(r"^```([^\n`]*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [Block(kind, content) for kind, content in found]


def prose(text: str) -> str:
    """Return a text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def rows(text: str) -> list[tuple[str, str]]:
    """Return (title, content) of each numbered row."""
    return re.findall(r"^### (\d+\. .*?)\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)


def proofs(text: str) -> list[tuple[str, str]]:
    """Return the commands that show something, each with the lines that it has to show."""
    return [
        (block.text, following.text)
        for block, following in pairwise(blocks(text))
        if block.kind == "sh run"
    ]
