"""A verb loads what it needs: nobody waits for SSH in order to be told of a typing error.

Each case is a process of its own, because a module that was once loaded stays loaded.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_TEMPLATES = {"jinja2", "provisioner.render"}
_SSH = {"paramiko", "cryptography", "provisioner.transport"}
_CLIENTS = {"dns", "provisioner.clients"}
_PASSWORDS = {"zxcvbn", "argon2"}
_VALIDATE = "run(['validate', 'inventories/beginner/site.yaml'])"


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a Python statement leads to, with their packages."""
    told = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    names = told.stdout.splitlines()[-1].split()
    return {name.rpartition(".")[0] for name in names} | set(names)


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        (
            "from provisioner.cli.main import run; run(['--help'])",
            {"pydantic", "yaml", *_TEMPLATES, *_SSH, *_CLIENTS, *_PASSWORDS},
        ),
        (
            f"from provisioner.cli.main import run; {_VALIDATE}",
            {"provisioner.verbs", *_TEMPLATES, *_SSH, *_CLIENTS, *_PASSWORDS},
        ),
        (
            "import provisioner.cli.render_verb",
            {"provisioner.verbs", *_SSH, *_CLIENTS, *_PASSWORDS},
        ),
        ("import provisioner.cli.plan_verb", {"paramiko", "cryptography", *_CLIENTS, *_PASSWORDS}),
        ("import provisioner.cli.apply_verb", {"paramiko", "cryptography", *_CLIENTS, *_PASSWORDS}),
    ],
)
def test_a_verb_loads_nothing_that_it_does_not_need(statement: str, unwanted: set[str]) -> None:
    assert loaded_by(statement) & unwanted == set()


def test_ssh_comes_without_what_takes_as_long_to_load_as_all_of_ssh(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "domain: example.org\n"
        "hosts: {mail: {address: 127.0.0.1, ssh: {port: 1}}}\n"
        'users: {alice: {password: "{BLF-CRYPT}$2b$12$VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDq'
        'ogqgKTOZm"}}\n'
    )
    loaded = loaded_by(f"from provisioner.cli.main import run; assert run(['plan', '{path}']) == 4")
    assert "paramiko" in loaded
    assert "invoke.tasks" not in loaded
