"""A daemon that says one line is asked for it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from provisioner.probes.finding import Status
from provisioner.probes.line import LineQuestion
from provisioner.probes.question import Endpoint

QUESTION = LineQuestion(
    id="store.answers@mail",
    text="Does the store answer?",
    endpoint=Endpoint("mail", ip_address("192.0.2.10"), 6379),
    say="PING",
    pattern=r"\+PONG",
    expected="PONG",
    help="look at its log",
)


@pytest.mark.parametrize(
    ("line", "status", "remedy"),
    [
        ("+PONG", Status.PASSED, ""),
        ("+PONG and more", Status.FAILED, "look at its log"),
        ("", Status.FAILED, "look at its log"),
    ],
)
def test_the_whole_line_has_to_be_as_it_should(line: str, status: Status, remedy: str) -> None:
    (finding,) = QUESTION.judge(line)
    assert (finding.status, finding.remedy, finding.want) == (status, remedy, "PONG")
    assert finding.got == (line or "an empty line")


def test_a_new_configuration_stays_only_if_the_daemon_answers() -> None:
    assert QUESTION.while_pending() is QUESTION
