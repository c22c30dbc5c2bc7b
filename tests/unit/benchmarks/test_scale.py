"""The benchmarks measure what there is: the command line, and sites that are valid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.planning import facts_of, generation_of
from benchmarks.site_of import write_site
from provisioner.model.mailboxes import USERS_IN_TEXT
from provisioner.plan.diff import diff_generation
from provisioner.site.load import load_site

ROOT = Path(__file__).parents[3]


def test_every_command_is_measured_for_a_site_of_any_size(tmp_path: Path) -> None:
    options = ["--runs", "1", "--folder", str(tmp_path), "--users", "1", "60"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scale", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("  ")[0] for line in done.stdout.splitlines()[1:]]
    sized = ["validate", "render", "plan, one user more"]
    assert rows == ["python -c pass", "--help", *sized, *sized]
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_has_a_large_site_has_nothing_to_change(tmp_path: Path) -> None:
    site_file = tmp_path / "site.yaml"
    write_site(site_file, USERS_IN_TEXT + 2)
    site = load_site(site_file).site
    wanted = generation_of(site, site.hosts[0])
    assert not diff_generation(wanted, facts_of(wanted)).changes
    fewer = site.model_copy(update={"users": site.users[1:]})
    changes = diff_generation(wanted, facts_of(generation_of(fewer, site.hosts[0]))).changes
    assert {change.kind for change in changes} == {"file", "record"}
