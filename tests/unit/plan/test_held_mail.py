"""What is told of mail on hold."""

from __future__ import annotations

from provisioner.model.names import HostKey
from provisioner.plan.held_mail import held_notices


def test_each_domain_is_told_with_its_number_and_the_way_to_release_it() -> None:
    rows = [f"Q{number}\tother.example" for number in range(5)] + ["Z\tthird.example"]
    one, two = held_notices(HostKey("mail"), rows)
    assert one.startswith("mail: 5 messages for other.example wait on hold")
    assert one.endswith("/usr/sbin/postsuper -H Q0 Q1 Q2, and likewise the others")
    assert two.startswith("mail: 1 message for third.example waits on hold")
    assert two.endswith("/usr/sbin/postsuper -H Z")


def test_nothing_is_told_of_nothing() -> None:
    assert list(held_notices(HostKey("mail"), [])) == []
