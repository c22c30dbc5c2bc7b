"""The table that ends an apply."""

from __future__ import annotations

from support.refs import ref

from provisioner.cli.outcome_view import outcome_table
from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.verbs.outcome import HostOutcome, HostStatus


def outcomes(unchanged: int, failed: int) -> list[HostOutcome]:
    error = MailprovError(Diagnostic("no"))
    return [
        *(HostOutcome(ref(f"same{n}"), HostStatus.UNCHANGED) for n in range(unchanged)),
        *(HostOutcome(ref(f"bad{n}"), HostStatus.FAILED, error=error) for n in range(failed)),
    ]


def test_each_host_of_a_few_has_its_row() -> None:
    lines = outcome_table(outcomes(3, 1))
    assert len(lines) == 5
    assert lines[-1].split()[:2] == ["bad0", "failed"]


def test_of_a_crowd_the_hosts_where_something_happened_have_rows_and_all_are_counted() -> None:
    lines = outcome_table(outcomes(950, 50))
    assert len(lines) < 24
    assert "same0" not in str(lines)
    assert lines[-1] == "1000 hosts: 950 unchanged, 50 failed"


def test_a_crowd_where_nothing_happened_is_one_line() -> None:
    assert outcome_table(outcomes(1000, 0)) == ["1000 hosts: 1000 unchanged"]
