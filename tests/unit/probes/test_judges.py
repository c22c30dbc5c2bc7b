"""What the answers of DNS, ports, TLS and logins mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from provisioner.model.services import SERVICE_BY_NAME
from provisioner.probes.dns import (
    DnsAnswer,
    ForwardQuestion,
    RecordQuestion,
    StrangerQuestion,
)
from provisioner.probes.finding import Status
from provisioner.probes.login import (
    CleartextAnswer,
    CleartextQuestion,
    LoginAnswer,
    LoginQuestion,
)
from provisioner.probes.question import Endpoint, Vantage
from provisioner.probes.reach import ReachAnswer, ReachQuestion
from provisioner.probes.record_spelling import canonical
from provisioner.probes.tls import (
    InjectionAnswer,
    InjectionQuestion,
    OldTlsAnswer,
    OldTlsQuestion,
    TlsAnswer,
    TlsQuestion,
)

HERE = Endpoint("mail", ip_address("192.0.2.10"), 993)
IMAPS = SERVICE_BY_NAME["imaps"]
LAN = (ip_network("192.0.2.0/24"),)

REACH = ReachQuestion(id="port.993@mail", text="?", endpoint=HERE, service="imaps")


def test_an_open_port_passes() -> None:
    (got,) = REACH.judge(ReachAnswer("open"))
    assert got.status is Status.PASSED


@pytest.mark.parametrize("outcome", ["refused", "timed out", "unreachable"])
def test_a_port_out_of_reach_fails_and_names_the_firewall(outcome: str) -> None:
    (got,) = REACH.judge(ReachAnswer(outcome))  # type: ignore[arg-type]  # parametrized literal
    assert got.status is Status.FAILED
    assert outcome in got.got
    assert "firewall" in got.remedy


@pytest.mark.parametrize(
    ("source", "want"), [("192.0.2.7", Status.FAILED), ("203.0.113.7", Status.SKIPPED)]
)
def test_a_closed_resolver_is_a_fault_only_for_its_clients(source: str, want: Status) -> None:
    question = replace(REACH, served=Vantage(within=LAN))
    (got,) = question.judge(ReachAnswer("timed out", source=ip_address(source)))
    assert got.status is want


RECORD = RecordQuestion(
    id="dns.mx.probe.test.udp@ns",
    text="?",
    endpoint=HERE,
    name="probe.test",
    type="MX",
    transport="udp",
    records=frozenset({"10 Mail.probe.test.", "20 backup.probe.test"}),
)


def test_records_match_in_any_spelling_and_order() -> None:
    answer = DnsAnswer("NOERROR", frozenset({"20 backup.probe.test.", "10 mail.probe.test."}))
    (got,) = RECORD.judge(answer)
    assert got.status is Status.PASSED


@pytest.mark.parametrize(
    "answer",
    [
        DnsAnswer("NOERROR", frozenset({"10 mail.probe.test."})),
        DnsAnswer("NOERROR", frozenset({"10 mail.probe.test.", "20 x.", "20 backup.probe.test."})),
        DnsAnswer("NOERROR"),
        DnsAnswer("NXDOMAIN"),
        DnsAnswer("REFUSED"),
        DnsAnswer("SERVFAIL", words="DNSSEC Bogus"),
    ],
)
def test_too_few_too_many_and_no_records_fail(answer: DnsAnswer) -> None:
    (got,) = RECORD.judge(answer)
    assert got.status is Status.FAILED
    assert got.remedy


def test_a_record_whose_data_is_not_fixed_only_has_to_be_there() -> None:
    question = replace(RECORD, type="SOA", records=frozenset())
    data = frozenset({"ns.probe.test. root.probe.test. 1 2 3 4 5"})
    (there,) = question.judge(DnsAnswer("NOERROR", data))
    (absent,) = question.judge(DnsAnswer("NOERROR"))
    assert (there.status, absent.status) == (Status.PASSED, Status.FAILED)


def test_a_text_is_the_same_however_it_is_cut_into_strings() -> None:
    cut, whole = frozenset({'"v=DKIM1; p=AB" "CD"'}), frozenset({'"v=DKIM1; p=ABCD"'})
    assert canonical(cut, "TXT") == canonical(whole, "TXT")
    assert canonical(whole, "TXT") != canonical(frozenset({'"v=DKIM1; p=abcd"'}), "TXT")


@pytest.mark.parametrize(
    ("rcode", "want"), [("NOERROR", Status.PASSED), ("SERVFAIL", Status.FAILED)]
)
def test_a_forwarded_name_has_to_resolve(rcode: str, want: Status) -> None:
    question = ForwardQuestion(
        id="f", text="?", endpoint=HERE, name=".", type="NS", servers=("192.0.2.253",)
    )
    (got,) = question.judge(DnsAnswer(rcode))
    assert got.status is want


@pytest.mark.parametrize(
    ("rcode", "allowed", "want"),
    [
        ("REFUSED", None, Status.PASSED),
        ("NOERROR", None, Status.FAILED),
        ("SERVFAIL", None, Status.FAILED),
        ("NOERROR", "a museum", Status.WARNING),
    ],
)
def test_a_stranger_has_to_be_refused(rcode: str, allowed: str | None, want: Status) -> None:
    question = StrangerQuestion(
        id="s", text="?", endpoint=HERE, name="example.com", allowed=allowed
    )
    (got,) = question.judge(DnsAnswer(rcode, source=ip_address("203.0.113.7")))
    assert got.status is want


NOW = datetime(2026, 5, 1, tzinfo=UTC)
TLS = TlsQuestion(
    id="tls.imaps@mail",
    text="?",
    endpoint=HERE,
    service=IMAPS,
    name="mail.probe.test",
    fingerprint="ab12",
)
SOUND = TlsAnswer(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    fingerprint="ab12",
    names=("mail.probe.test",),
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=90),
    asked_at=NOW,
)


def test_the_hosts_own_valid_certificate_passes() -> None:
    (got,) = TLS.judge(SOUND)
    assert got.status is Status.PASSED


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (replace(SOUND, version="TLSv1.1"), "version TLSv1.1"),
        (replace(SOUND, fingerprint="cd34"), "another certificate"),
        (replace(SOUND, names=("www.probe.test",)), "a certificate for www.probe.test"),
        (replace(SOUND, names=()), "no name"),
        (replace(SOUND, not_after=NOW - timedelta(seconds=1)), "today is 2026-05-01"),
        (replace(SOUND, not_before=NOW + timedelta(days=1)), "today is 2026-05-01"),
    ],
)
def test_tls_that_is_not_as_it_should_be_fails(answer: TlsAnswer, words: str) -> None:
    (got,) = TLS.judge(answer)
    assert got.status is Status.FAILED
    assert words in got.got
    assert got.remedy


def test_all_that_is_wrong_with_a_certificate_is_said_at_once() -> None:
    (got,) = TLS.judge(replace(SOUND, version="TLSv1", fingerprint="cd34", names=()))
    assert got.got.count(";") == 2


def test_a_host_without_a_certificate_fails() -> None:
    (got,) = replace(TLS, fingerprint=None).judge(SOUND)
    assert got.status is Status.FAILED


def test_a_certificate_that_ends_soon_is_a_warning() -> None:
    (got,) = TLS.judge(replace(SOUND, not_after=NOW + timedelta(days=13)))
    assert got.status is Status.WARNING


@pytest.mark.parametrize(
    ("pattern", "want"),
    [
        ("*.probe.test", Status.PASSED),
        ("MAIL.probe.test", Status.PASSED),
        ("*.test", Status.FAILED),
        ("*", Status.FAILED),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, want: Status) -> None:
    (got,) = TLS.judge(replace(SOUND, names=(pattern,)))
    assert got.status is want


@pytest.mark.parametrize(
    ("accepted", "want"), [("", Status.PASSED), ("TLSv1", Status.FAILED), ("SSLv3", Status.FAILED)]
)
def test_old_tls_has_to_be_refused(accepted: str, want: Status) -> None:
    question = OldTlsQuestion(id="o", text="?", endpoint=HERE, service=IMAPS)
    (got,) = question.judge(OldTlsAnswer(accepted, "TLS alert 70"))
    assert got.status is want


@pytest.mark.parametrize(("words", "want"), [("", Status.PASSED), ("250 2.0.0 Ok", Status.FAILED)])
def test_an_injected_command_must_not_be_answered(words: str, want: Status) -> None:
    question = InjectionQuestion(id="i", text="?", endpoint=HERE, service=IMAPS)
    (got,) = question.judge(InjectionAnswer(words))
    assert got.status is want


@pytest.mark.parametrize(
    ("correct", "accepted", "want"),
    [
        (True, True, Status.PASSED),
        (True, False, Status.FAILED),
        (False, False, Status.PASSED),
        (False, True, Status.FAILED),
    ],
)
def test_the_right_password_opens_and_a_wrong_one_does_not(
    *, correct: bool, accepted: bool, want: Status
) -> None:
    question = LoginQuestion(id="l", text="?", endpoint=HERE, service=IMAPS, correct=correct)
    (got,) = question.judge(LoginAnswer(accepted, "NO [UNAVAILABLE] Temporary failure"))
    assert (got.status, got.got) == (want, "NO [UNAVAILABLE] Temporary failure")


@pytest.mark.parametrize(
    ("offered", "accepted", "allowed", "want"),
    [
        (False, False, None, Status.PASSED),
        (True, False, None, Status.FAILED),
        (False, True, None, Status.FAILED),
        (True, True, "old clients", Status.WARNING),
    ],
)
def test_login_before_tls_is_neither_offered_nor_taken(
    *, offered: bool, accepted: bool, allowed: str | None, want: Status
) -> None:
    question = CleartextQuestion(id="c", text="?", endpoint=HERE, service=IMAPS, allowed=allowed)
    (got,) = question.judge(CleartextAnswer(offered, accepted, "NO"))
    assert got.status is want
