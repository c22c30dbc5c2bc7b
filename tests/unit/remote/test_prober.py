"""What a host makes for the prober, and what the controller knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.remote.test_state_on_host import run_parts

from provisioner.model.prober import other_name

SECRET = "5a7400ecee2887c9bea1e35c4274128699e1478923ec3194"


@pytest.mark.parametrize("login", ["mailprov-probe", "mailprov-probe@example.org"])
def test_both_know_the_name_under_which_a_wrong_password_is_tried(
    tmp_path: Path, login: str
) -> None:
    told = run_parts(tmp_path, f"other_name_of {SECRET} {login}", "tables", "dovecot/recipes")
    assert told.strip() == other_name(login, SECRET)
    assert len(other_name(login, SECRET)) == len(login) + 33
