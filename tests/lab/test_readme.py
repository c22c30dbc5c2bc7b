"""Every command in the README is run, as it stands there, in its order.

Only `make test` is not: it is what runs this.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from support.deployed import DeployedSite

pytestmark = pytest.mark.lab

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


def test_the_readme_has_the_commands_that_the_other_tests_run() -> None:
    assert COMMANDS[:2] == ["make demo", "make test"]
    assert [command for command in COMMANDS if command.startswith("mailprov apply")]


def run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S602 the README's own text, as a shell reads it
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode in {0, 2 if " plan " in command else 0}, (
        f"{command}\n{done.stdout}{done.stderr}"
    )
    return done.stdout


def test_the_demo_ends_with_a_summary_and_goes_without_a_trace() -> None:
    shown = run("make demo", CHECKOUT, dict(os.environ))
    assert "delivered to xhyhuiying@wangsheng.com: INBOX" in shown
    assert "by POP3 with STLS" in shown
    assert "    Subject: It works (" in shown
    assert "The site wangsheng.com is up on 2 hosts" in shown
    run("make demo-down", CHECKOUT, dict(os.environ))
    assert "mpl0" not in run("ip -o link", CHECKOUT, dict(os.environ)).replace("mpl0-", "mpl0")


def test_the_readmes_way_to_a_server_of_your_own(beginner: DeployedSite) -> None:
    home = beginner.lab.home
    (text,) = re.findall(r"^```yaml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    lab_part = beginner.path.read_text(encoding="utf-8").partition("users:")[2].partition("\n")[2]
    lab_part = lab_part.partition("\n")[2]  # the user's line: the README has its own
    address = str(beginner.host("mail").address)
    (home / "readme").mkdir(exist_ok=True)
    site = home / "readme/site.yaml"
    site.write_text(text.replace("192.0.2.10", address) + lab_part, encoding="utf-8")
    environment = {
        **os.environ,
        **beginner.environment,
        "HOME": str(home),
        "PATH": f"{home}/mailprov/bin:{os.environ['PATH']}",
    }
    for command in COMMANDS:
        if command in {"make demo", "make test"}:
            continue
        folder = site.parent if command.startswith("mailprov") else CHECKOUT
        run(command, folder, environment)
