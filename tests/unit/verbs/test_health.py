"""What is asked of a new configuration, and of a recalled one: real mail by its ports."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from support.probe_site import ACCOUNT, two_host_site

from provisioner.model.names import HostKey
from provisioner.model.site import Allowance
from provisioner.probes.catalogue import ProbeTargets, questions_for
from provisioner.probes.dns import StrangerQuestion
from provisioner.probes.finding import Status
from provisioner.probes.question import Answered, NoAnswer, judge
from provisioner.probes.roundtrip import RoundTripQuestion
from provisioner.probes.smtp import RelayQuestion
from provisioner.verbs.health import vital, vital_alone, vital_together, within_ports

QUESTIONS = tuple(
    questions_for(two_host_site(), ProbeTargets(ACCOUNT), hosts=frozenset({HostKey("mail")}))
)
(ROUND_TRIP,) = (one for one in QUESTIONS if isinstance(one, RoundTripQuestion))
ALL_PORTS = {25, 465, 587, 143, 993, 110, 995}


def test_nothing_but_real_mail_is_asked() -> None:
    asked = [found for one in QUESTIONS if (found := within_ports(one, ALL_PORTS)) is not None]
    # Earlier versions broke long lines, and a rollback may lead to one of theirs.
    assert asked == [replace(ROUND_TRIP, long_line=False)]
    assert asked[0] in [vital(one) for one in QUESTIONS]


def test_a_new_configuration_has_to_work_and_to_keep_strangers_out() -> None:
    asked = [vital(one) for one in questions_for(two_host_site(), ProbeTargets(ACCOUNT))]
    kinds = Counter(type(one).__name__ for one in asked if one is not None)
    records = kinds.pop("RecordQuestion")
    assert records > 20
    # Login before TLS: 587, 143, 110 and ManageSieve.
    assert kinds == {
        "RoundTripQuestion": 1,
        "RelayQuestion": 1,
        "LoginRequiredQuestion": 2,
        "StrangerQuestion": 1,
        "CleartextQuestion": 4,
    }


def test_a_host_of_a_group_proves_alone_all_but_the_mail_which_the_group_proves() -> None:
    for question in QUESTIONS:
        alone, together = vital_alone(question), vital_together(question)
        assert (alone or together) == vital(question)
        assert alone is None or together is None
    assert [one for one in map(vital_together, QUESTIONS) if one] == [vital(ROUND_TRIP)]


def test_what_the_site_allows_is_no_reason_to_take_a_configuration_back() -> None:
    allowed = dict.fromkeys((Allowance.OPEN_RELAY, Allowance.OPEN_RESOLVER), "a museum")
    site = two_host_site(allow_insecure=allowed)
    asked = [vital(one) for one in questions_for(site, ProbeTargets(ACCOUNT))]
    assert not [one for one in asked if isinstance(one, (RelayQuestion, StrangerQuestion))]


def test_a_stranger_whom_nobody_answers_takes_no_configuration_back() -> None:
    asked = [vital(one) for one in questions_for(two_host_site(), ProbeTargets(ACCOUNT))]
    got = {
        type(one).__name__: finding.status
        for one in asked
        if one is not None
        for finding in judge(Answered(one, NoAnswer("the server closed the connection")))
    }
    assert got == {
        "RecordQuestion": Status.FAILED,
        "RoundTripQuestion": Status.FAILED,
        "RelayQuestion": Status.SKIPPED,
        "LoginRequiredQuestion": Status.SKIPPED,
        "StrangerQuestion": Status.SKIPPED,
        "CleartextQuestion": Status.SKIPPED,
    }


def test_mail_goes_by_the_ports_that_the_configuration_has_and_no_others() -> None:
    got = within_ports(ROUND_TRIP, {25, 587, 993})
    assert isinstance(got, RoundTripQuestion)
    assert {path.endpoint.port for path in got.paths} == {25, 587}
    assert {reader.endpoint.port for reader in got.readers} == {993}
    assert got.endpoint.port == 993


def test_a_configuration_without_mail_is_not_asked_for_any() -> None:
    assert within_ports(ROUND_TRIP, {53}) is None
    # Mail that nobody could read again proves nothing, and neither does a mailbox without mail.
    assert within_ports(ROUND_TRIP, {25, 587}) is None
    assert within_ports(ROUND_TRIP, {993}) is None
