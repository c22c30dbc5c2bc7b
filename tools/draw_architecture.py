"""Draw the picture of docs/architecture.md from the import contracts and the rooms' registry."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from provisioner.rooms.registry import rooms

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/architecture.md"
BEGIN, END = "<!-- picture -->\n", "<!-- /picture -->\n"


def drawn_page(page: str) -> str:
    """Return the page with today's picture in it."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{''.join(_picture())}{END}{tail}"


def _picture() -> Iterator[str]:
    """Yield the lines of a flow chart of Mermaid: a box a layer, an arrow to what it may import."""
    layers = [layer.split(" | ") for layer in _layers()]
    yield "```mermaid\nflowchart TB\n"
    for number, folders in enumerate(layers):
        yield f'  subgraph layer{number}[" "]\n    direction LR\n'
        for folder in folders:
            yield f"    {_box(folder)}\n"
        yield "  end\n"
    for number in range(len(layers) - 1):
        yield f"  layer{number} --> layer{number + 1}\n"
    yield "```\n"


def _box(folder: str) -> str:
    if folder != "daemons":
        return f"{folder}[{folder}/]"
    names = "<br/>".join(f"{room.name}/" for room in rooms())
    return f'{folder}["{folder}/<br/>{names}"]'


def _layers() -> list[str]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = document["tool"]["importlinter"]["contracts"]
    return next(one["layers"] for one in contracts if one["type"] == "layers")


if __name__ == "__main__":
    PAGE.write_text(drawn_page(PAGE.read_text()))
