"""What is asked of a recalled configuration: real mail, by the ports that it has."""

from __future__ import annotations

from support.probe_site import ACCOUNT, two_host_site

from provisioner.model.names import HostKey
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.probes.roundtrip import RoundTripQuestion
from provisioner.workflow.health import vital, within_ports

QUESTIONS = tuple(
    questions_for(two_host_site(), ProbeTargets(ACCOUNT), hosts=frozenset({HostKey("mail")}))
)
(ROUND_TRIP,) = (one for one in QUESTIONS if isinstance(one, RoundTripQuestion))
ALL_PORTS = {25, 465, 587, 143, 993, 110, 995}


def test_nothing_but_real_mail_is_asked() -> None:
    asked = [one for one in QUESTIONS if within_ports(one, ALL_PORTS) is not None]
    assert asked == [ROUND_TRIP]
    assert ROUND_TRIP in [vital(one) for one in QUESTIONS]


def test_mail_goes_by_the_ports_that_the_configuration_has_and_no_others() -> None:
    got = within_ports(ROUND_TRIP, {25, 587, 993})
    assert isinstance(got, RoundTripQuestion)
    assert {path.endpoint.port for path in got.paths} == {25, 587}
    assert {reader.endpoint.port for reader in got.readers} == {993}
    assert got.endpoint.port == 993


def test_a_configuration_without_mail_is_not_asked_for_any() -> None:
    assert within_ports(ROUND_TRIP, {53}) is None
