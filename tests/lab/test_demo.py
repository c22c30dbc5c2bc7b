"""The README's first command: a site from nothing to a mail that was read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from provisioner.lab import list_states, take_down
from provisioner.lab.demo import DEMO_LAB

pytestmark = pytest.mark.lab
SITE = Path(__file__).parents[2] / "inventories/tutorial/lab.yaml"


def test_the_demo_shows_a_mail_that_arrived_line_by_line() -> None:
    if DEMO_LAB in list_states():
        pytest.skip("somebody's demo is up, and this would be the end of it")
    try:
        command = [sys.executable, "-m", "provisioner", "lab", "demo", str(SITE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        take_down(DEMO_LAB)
    lines = done.stdout.splitlines()
    assert "    To: xhyhuiying@wangsheng.com" in lines
    assert "The site wangsheng.com is up on 2 hosts:" in lines
    assert not [line for line in lines if "\\n" in line]
