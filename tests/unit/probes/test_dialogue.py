"""What an SMTP server's replies mean."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from provisioner.probes.dialogue import (
    FORMS_A_SESSION,
    AuthOfferAnswer,
    DialogueAnswer,
    DialogueQuestion,
    NoAuthQuestion,
    RelayAnswer,
    RelayQuestion,
    Reply,
    relay_forms,
)
from provisioner.probes.finding import Status
from provisioner.probes.question import Endpoint
from provisioner.probes.services import Service

HERE = Endpoint("mail", ip_address("192.0.2.10"), 25)
SMTP = Service("smtp", "smtp", 25, "starttls", login=False)
REFUSAL = DialogueQuestion(
    id="smtp.unknown-recipient@mail",
    text="?",
    endpoint=HERE,
    service=SMTP,
    commands=("MAIL FROM:<>", "RCPT TO:<nobody@probe.test>"),
    refused=True,
    instead="look at the maps",
)
OK, NO, LATER = Reply(250, "2.1.0 Ok"), Reply(550, "5.1.1 unknown"), Reply(451, "4.3.5 broken")


@pytest.mark.parametrize(
    ("replies", "want"),
    [
        ((OK, NO), Status.PASSED),
        ((NO,), Status.PASSED),
        ((OK, OK), Status.FAILED),
        # A bad map or network answers 451 on every RCPT; that is no refusal.
        ((OK, LATER), Status.FAILED),
        ((LATER,), Status.FAILED),
    ],
)
def test_a_refusal_has_to_be_for_good(replies: tuple[Reply, ...], want: Status) -> None:
    (got,) = REFUSAL.judge(DialogueAnswer(replies))
    assert got.status is want


def test_the_servers_own_words_are_told() -> None:
    (got,) = REFUSAL.judge(DialogueAnswer((OK, LATER)))
    assert got.got == "RCPT TO:<nobody@probe.test> → 451 4.3.5 broken"
    assert got.remedy == "look at the maps"


@pytest.mark.parametrize(
    ("replies", "want"),
    [((OK, OK), Status.PASSED), ((OK, LATER), Status.FAILED), ((LATER,), Status.FAILED)],
)
def test_acceptance_has_to_reach_the_last_command(replies: tuple[Reply, ...], want: Status) -> None:
    (got,) = replace(REFUSAL, refused=False).judge(DialogueAnswer(replies))
    assert got.status is want


@pytest.mark.parametrize(
    ("before", "inside", "want"),
    [
        (set(), set(), Status.PASSED),
        ({"AUTH"}, set(), Status.FAILED),
        (set(), {"AUTH", "SIZE"}, Status.FAILED),
    ],
)
def test_port_25_offers_no_login(before: set[str], inside: set[str], want: Status) -> None:
    question = NoAuthQuestion(id="n", text="?", endpoint=HERE)
    (got,) = question.judge(AuthOfferAnswer(frozenset(before), frozenset(inside)))
    assert got.status is want


FORMS = relay_forms(
    victim="victim@example.com",
    server="mail.probe.test",
    literal="[192.0.2.10]",
    domain="probe.test",
)
RELAY = RelayQuestion(
    id="smtp.relay-refused@mail",
    text="?",
    endpoint=HERE,
    recipient="prober@probe.test",
    forms=FORMS,
)


def relayed(*special: Reply, honest: Reply = OK) -> RelayAnswer:
    replies = [*special, *([NO] * (len(FORMS) - len(special)))]
    return RelayAnswer(honest, tuple(zip(FORMS, replies, strict=True)))


def test_there_are_29_different_forms_and_each_names_the_victim() -> None:
    assert len(set(FORMS)) == 29
    assert all("victim" in form.recipient for form in FORMS)


def test_all_forms_refused_passes() -> None:
    (got,) = RELAY.judge(relayed())
    assert got.status is Status.PASSED


def test_a_single_form_that_is_taken_fails_and_is_named() -> None:
    (got,) = RELAY.judge(relayed(NO, OK))
    assert got.status is Status.FAILED
    assert got.got == f"{FORMS[1]} → 250 2.1.0 Ok"


def test_a_form_that_is_put_off_fails() -> None:
    (got,) = RELAY.judge(relayed(LATER))
    assert got.status is Status.FAILED


def test_a_sender_domain_that_does_not_resolve_is_no_relaying() -> None:
    (got,) = RELAY.judge(relayed(Reply(450, "4.1.8 <x>: Sender address rejected")))
    assert got.status is Status.PASSED


def test_refusals_prove_nothing_when_honest_mail_is_refused_too() -> None:
    (got,) = RELAY.judge(relayed(honest=LATER))
    assert got.status is Status.FAILED
    assert "451 4.3.5 broken" in got.got


def test_an_allowed_open_relay_is_a_warning_with_its_reason() -> None:
    (got,) = replace(RELAY, allowed="a museum").judge(relayed(OK))
    assert got.status is Status.WARNING
    assert got.got == "1 of 29 forms relayed; allowed because: a museum"


def test_of_a_pending_configuration_one_session_of_forms_is_asked() -> None:
    pending = RELAY.while_pending()
    assert pending is not None
    assert pending.forms == FORMS[:FORMS_A_SESSION]
    assert replace(RELAY, allowed="a museum").while_pending() is None


@pytest.mark.parametrize(
    ("reply", "honest", "want"),
    [
        # Postfix's soft_bounce makes each refusal temporary.
        (LATER, OK, Status.PASSED),
        (NO, OK, Status.PASSED),
        (OK, OK, Status.FAILED),
        # Whether mail gets in at all is the round trip's question.
        (LATER, LATER, Status.SKIPPED),
    ],
)
def test_while_a_configuration_is_pending_a_refusal_for_now_counts(
    reply: Reply, honest: Reply, want: Status
) -> None:
    pending = RELAY.while_pending()
    assert pending is not None
    answer = RelayAnswer(honest, tuple((form, reply) for form in pending.forms))
    (got,) = pending.judge(answer)
    assert got.status is want
