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
    words = 'digest_of_text "another name $1" | cut -c 1-32'
    command = ["sh", "-c", f"{steps}\n{words}", "sh", SECRET]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    account = ProbeAccount(login, "mailprov-probe@example.org", SECRET)
    name, at, domain = login.partition("@")
    assert account.other_name == f"{name}-{done.stdout.strip()}{at}{domain}"
