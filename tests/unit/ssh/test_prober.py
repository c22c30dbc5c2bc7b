"""What a host makes for the prober, and what the controller knows of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.ssh.remote import program
from provisioner.workflow.asking import ProbeAccount

SECRET = "5a7400ecee2887c9bea1e35c4274128699e1478923ec3194"


@pytest.mark.parametrize("login", ["mailprov-probe", "mailprov-probe@example.org"])
def test_both_know_the_name_under_which_a_wrong_password_is_tried(login: str) -> None:
    steps = Path(program.__file__).with_name("steps.sh").read_text()
    command = ["sh", "-c", f'{steps}\nother_name_of "$@"', "sh", SECRET, login]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    account = ProbeAccount(login, "mailprov-probe@example.org", SECRET)
    assert account.other_name == done.stdout.strip()
    assert len(account.other_name) == len(login) + 33
