"""The benchmarks measure what there is: the command line, and sites that are valid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
