"""What is told of mail on hold."""

from __future__ import annotations

import pytest

from provisioner.model.names import HostKey
from provisioner.plan.held_mail import held_notices


def test_each_domain_is_told_with_its_number_and_the_way_to_release_it() -> None:
    rows = [f"Q{number}\tother.example" for number in range(5)] + ["Z\tthird.example"]
    one, two = held_notices(HostKey("mail"), rows)
    assert one.startswith("mail: 5 messages for other.example wait on hold")
    assert "releases them;" in one
    assert one.endswith("/usr/sbin/postsuper -H Q0 Q1 Q2, and likewise the others")
    assert two.startswith("mail: 1 message for third.example waits on hold")
    assert "releases it;" in two
    assert two.endswith("/usr/sbin/postsuper -H Z")


def test_nothing_is_told_of_nothing() -> None:
    assert list(held_notices(HostKey("mail"), [])) == []


@pytest.mark.parametrize(("number", "begins"), [(2, "2 messages"), (3, "3 messages")])
def test_as_many_as_are_named_are_all(number: int, begins: str) -> None:
    rows = [f"Q{one}\tother.example" for one in range(number)]
    (told,) = held_notices(HostKey("mail"), rows)
    assert told.startswith(f"mail: {begins} for")
    assert told.endswith(" ".join(row.partition("\t")[0] for row in rows))
