"""Every proof in the retold tutorial is run, and shows what the page says it shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.deployed import DeployedSite
from support.release import DEFAULT, RELEASE
from support.retold import page, proofs

pytestmark = pytest.mark.lab


def words(line: str) -> str:
    return " ".join(line.split())


def shows(line: str, got: list[str]) -> bool:
    """Tell whether a line was shown; `…` stands for anything, blanks for any blanks."""
    pattern = ".*".join(re.escape(part) for part in words(line).split("…"))
    return any(re.fullmatch(pattern, one) for one in got)


@pytest.mark.skipif(RELEASE.name != DEFAULT, reason="the page shows what Debian 12's daemons say")
def test_every_proof_shows_what_the_page_says(tutorial: DeployedSite, tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_bytes(tutorial.path.read_bytes())
    # The page speaks of hosts that were just set up; other tests have broken these before.
    tutorial.host("mail").check_run(["journalctl", "--rotate", "--vacuum-time=1s"])
    home, number = tutorial.lab.home, tutorial.lab.number
    places = {
        "10.163.2.0/24": f"10.89.{number}.0/25",
        "10.163.2.100": f"10.89.{number}.2",
        "10.163.2.106": f"10.89.{number}.3",
        "114.114.114.114": f"10.89.{number}.253",
    }
    head = (
        f'mailprov() {{ {sys.executable} -m provisioner "$@"; }}\n'
        f'ssh() {{ command ssh -F {home}/.ssh/config "$@"; }}\n'
    )
    environment = {**os.environ, **tutorial.environment, "HOME": str(home)}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    for commands, expected in proofs(page("tutorial")):
        done = subprocess.run(
            ["bash", "-c", head + commands],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        got = [words(line) for line in done.stdout.splitlines()]
        text = re.sub("|".join(map(re.escape, places)), lambda found: places[found[0]], expected)
        for line in text.splitlines():
            assert shows(line, got), f"{commands}\n{line}\n{done.stdout}{done.stderr}"
