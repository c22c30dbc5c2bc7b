"""What an SMTP server's replies mean."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from provisioner.model.services import SERVICE_BY_NAME
from provisioner.probes.finding import Status
from provisioner.probes.question import Endpoint
from provisioner.probes.relay_forms import Doors, relay_forms, submission_forms
from provisioner.probes.smtp import (
    FORMS_A_SESSION,
    AuthOfferAnswer,
    DialogueAnswer,
    DialogueQuestion,
    NoAuthQuestion,
    RelayAnswer,
    RelayQuestion,
    Reply,
)
from provisioner.probes.submission import (
    ForeignFromAnswer,
    ForeignFromQuestion,
    LoginRequiredAnswer,
    LoginRequiredQuestion,
    Offer,
)

HERE = Endpoint("mail", ip_address("192.0.2.10"), 25)
SMTP = SERVICE_BY_NAME["smtp"]
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


DOORS = Doors(server="mail.probe.test", literal="[192.0.2.10]", domain="probe.test")
FORMS = relay_forms("victim@example.com", "nobody-here", DOORS)
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


def test_no_form_of_relaying_is_tried_twice_and_none_names_somebody_of_the_site() -> None:
    assert len(set(FORMS)) == len(FORMS) == 50
    harmless = {"<>", '<"">', '<""@example.com>'}
    named = [form.recipient for form in FORMS if form.recipient not in harmless]
    assert all("example.com" in each or "nobody-here" in each for each in named)


def test_what_a_server_treats_specially_is_among_the_forms_of_relaying() -> None:
    """Real servers take mail for a bare postmaster or root whatever their restrictions say."""
    senders = {form.sender for form in FORMS}
    recipients = {form.recipient for form in FORMS}
    assert {
        "<>",
        '<"">',
        "<postmaster>",
        "<double-bounce@probe.test>",
        "<root@localhost>",
    } < senders
    assert {"<>", '<"">', "<nobody-here>", "<nobody-here@[192.0.2.10]>"} < recipients
    assert {
        "<postmaster@example.com>",
        "<root@example.com>",
        "<nobody-here@localhost>",
    } < recipients


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
    assert got.got == "1 of 50 forms relayed; allowed because: a museum"


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


BEFORE_LOGIN = LoginRequiredQuestion(
    id="smtp.login-required@mail",
    text="?",
    endpoint=HERE,
    service=SMTP,
    forms=submission_forms("prober@probe.test", "victim@example.com", DOORS),
)


def without_login(*special: Offer) -> LoginRequiredAnswer:
    rest = BEFORE_LOGIN.forms[len(special) :]
    return LoginRequiredAnswer((*special, *(Offer(form, NO) for form in rest)))


def test_before_a_login_every_kind_of_address_is_tried_as_sender_and_as_recipient() -> None:
    """A bare postmaster got 250 on 465 and 587, and its message was delivered."""
    forms = BEFORE_LOGIN.forms
    assert len(set(forms)) == len(forms) == 28
    senders = {form.sender for form in forms}
    recipients = {form.recipient for form in forms}
    assert {"<>", "<postmaster>", "<stranger>", "<root@localhost>", "<prober@probe.test>"} < senders
    assert {"<postmaster>", "<Postmaster>", '<"postmaster">', "<abuse>", "<root>"} < recipients
    assert {"<double-bounce>", "<>", "<prober>", "<postmaster@[192.0.2.10]>"} < recipients


def test_a_port_that_refuses_every_mail_before_login_passes() -> None:
    (got,) = BEFORE_LOGIN.judge(without_login())
    assert got.status is Status.PASSED


@pytest.mark.parametrize("rcpt", [OK, NO, LATER])
def test_a_mail_that_is_taken_before_login_fails_whatever_rcpt_says(rcpt: Reply) -> None:
    (got,) = BEFORE_LOGIN.judge(without_login(Offer(BEFORE_LOGIN.forms[0], OK, rcpt)))
    assert got.status is Status.FAILED
    assert got.got == (
        f"MAIL FROM:<prober@probe.test> → 250 2.1.0 Ok, RCPT TO:<postmaster> → {rcpt}"
    )


def test_a_mail_that_is_put_off_before_login_fails() -> None:
    (got,) = BEFORE_LOGIN.judge(without_login(Offer(BEFORE_LOGIN.forms[0], LATER)))
    assert got.status is Status.FAILED


@pytest.mark.parametrize(
    ("reply", "want"), [(LATER, Status.PASSED), (NO, Status.PASSED), (OK, Status.FAILED)]
)
def test_a_pending_configuration_that_takes_mail_before_login_goes_back(
    reply: Reply, want: Status
) -> None:
    pending = BEFORE_LOGIN.while_pending()
    assert len(pending.forms) == FORMS_A_SESSION
    offers = tuple(Offer(form, reply) for form in pending.forms)
    (got,) = pending.judge(LoginRequiredAnswer(offers))
    assert got.status is want


@pytest.mark.parametrize(
    ("replies", "want"),
    [
        ((NO, NO), Status.PASSED),
        ((NO, OK), Status.FAILED),
        ((OK, NO), Status.FAILED),
        ((LATER, NO), Status.FAILED),
    ],
)
def test_a_foreign_from_is_refused_under_every_sender(
    replies: tuple[Reply, ...], want: Status
) -> None:
    question = ForeignFromQuestion(
        id="smtp.foreign-from-refused@mail",
        text="?",
        endpoint=HERE,
        service=SMTP,
        senders=("prober@probe.test", ""),
        header_from="victim@example.com",
        recipient="prober@probe.test",
    )
    (got,) = question.judge(ForeignFromAnswer(replies))
    assert got.status is want
