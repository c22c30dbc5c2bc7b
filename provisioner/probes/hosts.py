"""What a host says of itself: its daemons' own checks, its units, its managed files.

These judges take what the remote program brought back. Static checks pass nearly
anything, so a good result here proves little; a bad one is always worth a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from provisioner.diagnostics import as_root
from provisioner.probes.finding import Finding, Status

_LINES_SHOWN = 10


class UnitView(Protocol):
    """A unit's state in the words of systemctl(1) `show`."""

    @property
    def name(self) -> str:
        """Id."""

    @property
    def load(self) -> str:
        """LoadState."""

    @property
    def active(self) -> str:
        """ActiveState."""

    @property
    def sub(self) -> str:
        """SubState."""

    @property
    def enabled(self) -> str:
        """UnitFileState."""

    @property
    def restarts(self) -> int:
        """NRestarts: how often systemd has restarted it by itself."""

    @property
    def result(self) -> str:
        """Result."""


@dataclass(frozen=True)
class FileProblem:
    """One way in which a managed file is not as it was written.

    aspect: `missing`, `kind`, `content`, `owner`, `group` or `mode`; of a table in shards also
    `unfinished` and `derived`. got, want: as text, masked where the file is secret.
    """

    aspect: str
    got: str
    want: str


def judge_check(host: str, tool: str, exit_status: int, output: str) -> Finding:
    """Judge one run of a daemon's own checker.

    output: what it complained of, which is all of stderr. Any line there is a finding,
    because `postconf -n` and others only warn of what breaks mail, and exit with 0.
    """
    complaints = [line.rstrip() for line in output.splitlines() if line.strip()]
    sound = exit_status == 0 and not complaints
    more = len(complaints) - _LINES_SHOWN
    shown = [*complaints[:_LINES_SHOWN], *([f"({more} more lines)"] if more > 0 else [])]
    got = "\n".join([*([f"exit status {exit_status}"] if exit_status else []), *shown])
    return Finding(
        id=f"check.{'-'.join(tool.split())}@{host}",
        host=host,
        question=f"Does {tool} accept the configuration?",
        status=Status.PASSED if sound else Status.FAILED,
        got=got or "no complaint",
        want="exit status 0 and no complaint",
        remedy=""
        if sound
        else (
            "correct the setting that these lines name in the site file, then apply "
            "again; postfix, dovecot and unbound keys there use the daemon's own "
            "syntax; `mailprov plan` shows files edited on the host as drift"
        ),
    )


def judge_unit(host: str, enable: UnitView, running: UnitView) -> Finding:
    """Judge one daemon's service.

    enable: the unit that starts it at boot. running: the unit whose state tells whether
    it is up, often the same one (Debian 12's postfix.service only runs /bin/true).
    """
    problems = []
    if enable.load != "loaded":
        problems.append(f"{enable.name} is {enable.load or 'unknown'}")
    elif enable.enabled != "enabled":
        problems.append(f"{enable.name} is {enable.enabled or 'not enabled'}")
    if (running.active, running.sub) != ("active", "running"):
        problems.append(f"{running.name} is {running.active} ({running.sub}, {running.result})")
    restarted = f"{running.name} was restarted {running.restarts} times by systemd"
    status = Status.PASSED
    if problems:
        status = Status.FAILED
    elif running.restarts:
        status = Status.WARNING
    if running.restarts:
        problems.append(restarted)
    return Finding(
        id=f"unit.{enable.name.removesuffix('.service')}@{host}",
        host=host,
        question=f"Is {enable.name} enabled, running and stable?",
        status=status,
        got="; ".join(problems) or "enabled and running",
        want="enabled, active, running, never restarted by systemd",
        remedy=""
        if status is Status.PASSED
        else f"read the reason on the host: `{as_root('journalctl', '-n50', '-u', running.name)}`; "
        "then apply again",
    )


def judge_file(host: str, path: str, problems: tuple[FileProblem, ...]) -> Finding:
    """Judge one managed file by the differences that were found; none means it is as written."""
    return Finding(
        id=f"file.{path}@{host}",
        host=host,
        question=f"Is {path} still as mailprov wrote it?",
        status=Status.FAILED if problems else Status.PASSED,
        got="; ".join(f"{problem.aspect} {problem.got}".rstrip() for problem in problems)
        or "content, owner and mode are as written",
        want="; ".join(f"{problem.aspect} {problem.want}".rstrip() for problem in problems)
        or "content, owner and mode as written",
        remedy="compare with `mailprov plan`; `mailprov apply --overwrite-drift` restores the file"
        if problems
        else "",
    )
