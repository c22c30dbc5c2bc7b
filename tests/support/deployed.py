"""A site on lab hosts, and the command line that an operator would use on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provisioner.lab import HostSpec, Lab, LabHost

LabFactory = Callable[[str, Sequence[HostSpec]], Lab]
"""A lab by its key and its hosts, the same one all session: what the fixture `lab_factory` is."""


@dataclass(frozen=True)
class DeployedSite:
    """A site file for lab hosts. environment: what the site's references need."""

    lab: Lab
    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def host(self, key: str) -> LabHost:
        """Return the lab host of that key."""
        return self.lab.host(key)

    def mailprov(
        self, verb: str, *options: str, site: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `mailprov VERB SITE OPTIONS…` as a process of its own."""
        return subprocess.run(
            self.command(verb, *options, site=site),
            env=self.variables,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def command(self, verb: str, *options: str, site: Path | None = None) -> list[str]:
        """Return the words that run `mailprov VERB SITE OPTIONS…`."""
        return [sys.executable, "-m", "provisioner", verb, str(site or self.path), *options]

    @property
    def variables(self) -> dict[str, str]:
        """The environment that the command runs in."""
        return {**os.environ, **self.environment, "HOME": str(self.lab.home)}

    def apply(self, *options: str, site: Path | None = None) -> dict[str, Any]:
        """Apply and return the JSON report; fails the test unless the exit code is 0."""
        done = self.mailprov("apply", "--json", *options, site=site)
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def verify(self, *options: str, site: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Verify and return the exit code and the JSON report."""
        done = self.mailprov("verify", "--json", *options, site=site)
        assert done.stdout, done.stderr
        return done.returncode, dict(json.loads(done.stdout))

    def edited(self, name: str, *edits: tuple[str, str]) -> Path:
        """Return a copy of the site file with texts replaced; every edit must apply."""
        text = self.path.read_text(encoding="utf-8")
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        copy = self.path.with_name(name)
        copy.write_text(text, encoding="utf-8")
        return copy


def failed_ids(report: Mapping[str, Any]) -> set[str]:
    """Return the ids of the probes that failed."""
    return {row["id"] for row in report["findings"] if row["status"] == "failed"}


def passed_ids(report: Mapping[str, Any]) -> set[str]:
    """Return the ids of the probes that passed."""
    return {row["id"] for row in report["findings"] if row["status"] == "passed"}
