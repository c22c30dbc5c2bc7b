"""Findings and the verdict that they add up to."""

from __future__ import annotations

import pytest

from provisioner.probes.finding import Finding, Status, Verdict


def finding(status: Status) -> Finding:
    return Finding(id="x@mail", host="mail", question="Does it?", status=status)


@pytest.mark.parametrize(
    ("statuses", "want"),
    [
        ([Status.PASSED, Status.WARNING, Status.SKIPPED], True),
        ([Status.PASSED, Status.FAILED], False),
        ([Status.SKIPPED, Status.WARNING], False),
        ([], False),
    ],
)
def test_a_verdict_passes_when_something_passed_and_nothing_failed(
    *, statuses: list[Status], want: bool
) -> None:
    assert Verdict(tuple(map(finding, statuses))).passed is want


def test_a_verdict_counts_every_status() -> None:
    got = Verdict((finding(Status.PASSED), finding(Status.PASSED), finding(Status.FAILED))).counts
    want = {Status.PASSED: 2, Status.FAILED: 1, Status.WARNING: 0, Status.SKIPPED: 0}
    assert got == want


def test_json_leaves_empty_fields_out() -> None:
    got = finding(Status.PASSED).as_json()
    want = {
        "id": "x@mail",
        "host": "mail",
        "question": "Does it?",
        "status": "passed",
        "via": "host",
    }
    assert got == want
