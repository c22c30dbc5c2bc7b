"""Record what a version of mailprov leaves on a host: see README.md beside this.

    sudo .venv/bin/python tests/recorded/states/record.py COMMIT

The commit is checked out into a scratch worktree with an environment of its own. Its own
command line applies three site files, one after the other, to a lab host.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from support.recorded_states import ADDRESS, HOST, STATES, keep_host  # noqa: E402 found by that

from provisioner.lab import Lab, take_down  # noqa: E402

# Nobody's passwords; the trust anchor is the real root's, and no name server is to be reached.
_ALICE = "{BLF-CRYPT}$2b$12$VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDqogqgKTOZm"
_ANCHOR = ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"
_FIRST = f"""# Applied by the version that the folder's name tells; the host's SSH is the lab's.
domain: example.org
hosts:
  mail: {{address: {ADDRESS}, ssh: {{address: {HOST.addresses[0]}}}}}
users:
  alice: {{password: "{_ALICE}"}}
dns:
  forward: {{".": 192.0.2.53}}
unbound:
  server:
    auto-trust-anchor-file: ""
    trust-anchor: "{_ANCHOR}"
"""
_CHANGED = (
    _FIRST
    + """domains:
  other.example: {}
postfix:
  main: {message_size_limit: "20480000"}
"""
)
_PEOPLE = _CHANGED.replace("dns:\n", f'  bob: {{password: "{_ALICE}"}}\ndns:\n')
SITES = {"1-first.yaml": _FIRST, "2-configuration.yaml": _CHANGED, "3-users.yaml": _PEOPLE}


def main(commit: str) -> None:
    """Record one commit."""
    told = _output(["git", "show", "-s", "--format=%cs %h", "--abbrev=7", commit]).split()
    folder = STATES / "-".join(told)
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mailprov-record-") as scratch:
        source = Path(scratch, "source")
        subprocess.run(["git", "worktree", "add", "--detach", source, commit], cwd=ROOT, check=True)
        try:
            subprocess.run(["make", "venv"], cwd=source, check=True)
            _record(folder, source, told)
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", source], cwd=ROOT, check=True)


def _record(folder: Path, source: Path, told: Sequence[str]) -> None:
    name = f"record-{os.getpid()}"
    lab = Lab.up(name, [HOST], internet=False)
    try:
        host = lab.host("mail")
        host.check_run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "eth0"])
        program = str(source / ".venv/bin/mailprov")
        path = lab.home / "site.yaml"

        def mailprov(verb: str) -> dict[str, Any]:
            command = [program, verb, "--json", str(path)]
            environment = {**os.environ, "HOME": str(lab.home)}
            # Its verification has no way to the host's address, and says so.
            done = subprocess.run(
                command, cwd=source, env=environment, stdout=subprocess.PIPE, check=False
            )
            return dict(json.loads(done.stdout)["hosts"]["mail"])

        for file, text in SITES.items():
            (folder / file).write_text(text, encoding="utf-8")
            path.write_text(lab.site(text), encoding="utf-8")
            if (told_of := mailprov("apply"))["status"] != "changed":
                raise SystemExit(str(told_of))
        history = mailprov("history")
        version = _output([program, "--version"], source).split()[-1]
        made = {"date": told[0], "commit": told[1], "version": version, "release": "debian-12"}
        keep_host(folder, host, made, history)
    finally:
        take_down(name)


def _output(command: Sequence[str], folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    main(*sys.argv[1:])
