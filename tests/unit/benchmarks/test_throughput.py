"""What a host carries: the load, the judging of what came of it, and the report."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.resources import generations_of
from benchmarks.throughput import variants
from benchmarks.throughput.dns_load import (
    Answered,
    parse_dnsperf,
    question_file,
    right_answers,
    zone_records,
)
from benchmarks.throughput.loads import ANSWER, LOGIN
from benchmarks.throughput.mail_load import Account, Letter, letter_text, serial_of
from benchmarks.throughput.summary import (
    cost_text,
    figures,
    load_table,
    rate_text,
    render_rates,
    verdict_table,
)
from benchmarks.throughput.variants import OURS, STOCK, TUNED, User
from provisioner.site.load import parse_site

_HASH = "{BLF-CRYPT}$2b$04$VLJggkfe.J0topm9./DqOelzoIlExi1YihTRLEEvZHDqogqgKTOZm"
_USERS = [User(f"u{number}@bench.example", _HASH, "secret") for number in (1, 2)]
_LETTER = Letter(
    Account("10.89.0.11", "", "u1@bench.example", "secret"), "u2@bench.example", "000000042", 4000
)
_DNSPERF = """\
Statistics:

  Queries sent:         250000
  Queries completed:    249990 (100.00%)
  Queries lost:         10 (0.00%)

  Response codes:       NOERROR 249980 (100.00%), SERVFAIL 10 (0.00%)
  Average packet size:  request 36, response 52
  Run time (s):         4.000210
  Queries per second:   62494.200000
"""


def _record(variant: str, load: str, number: int, rate: float, cpu: float) -> dict[str, Any]:
    return {
        "variant": variant,
        "load": load,
        "number": number,
        "units": 100,
        "rate": rate,
        "cpu": cpu,
        "load_cpu": cpu / 2,
        "flushes": 0.0,
    }


RECORDS = [
    _record(STOCK, LOGIN, 1, 100.0, 0.010),
    _record(OURS, LOGIN, 1, 110.0, 0.009),
    _record(TUNED, LOGIN, 1, 200.0, 0.005),
    _record(STOCK, LOGIN, 2, 90.0, 0.012),
    _record(OURS, LOGIN, 2, 112.0, 0.009),
    _record(TUNED, LOGIN, 2, 210.0, 0.005),
]


def test_a_stored_message_is_known_by_its_serial_once_it_is_whole() -> None:
    text = letter_text(_LETTER)
    assert len(text) == pytest.approx(_LETTER.size, rel=0.1)
    stored = b"Return-Path: <u1@bench.example>\n" + text.replace("\r\n", "\n").encode()
    assert serial_of(stored) == "000000042"
    assert serial_of(stored[:-5]) == ""
    assert serial_of(b"Subject: of somebody else's\n\nhello\n") == ""


def test_dnsperf_is_read_in_full_so_that_a_lost_or_failed_answer_shows() -> None:
    assert parse_dnsperf(_DNSPERF) == Answered(250000, 249990, 249980, 62494.2)
    with pytest.raises(ValueError, match="right"):
        parse_dnsperf(_DNSPERF.replace("NOERROR", "SERVFAIL"))


def test_every_question_has_one_right_answer_and_stands_in_dnsperfs_file() -> None:
    wanted = right_answers("10.89.0.11")
    asked = {tuple(line.split()) for line in question_file(tuple(wanted)).splitlines()}
    assert asked == set(wanted)
    assert len({line.split()[-1] for line in zone_records()}) == len(zone_records())


def test_the_site_knows_what_the_questions_about_itself_are_answered_with() -> None:
    text = variants.site_text(_USERS).replace("@LAB_TRUST_ANCHOR@", ". IN DS 1 8 2 00")
    (generation,) = generations_of(parse_site(text.encode(), "site.yaml").site)
    (zones,) = (a for a in generation.artifacts if a.path.endswith("mailprov-zones.conf"))
    for (name, kind), data in right_answers(variants.ADDRESS).items():
        if name.endswith(f"{variants.DOMAIN}."):
            assert f"{name} 3600 IN {kind} {data}" in zones.content.decode()


def test_limits_of_the_site_do_not_refuse_the_load() -> None:
    text = variants.site_text(_USERS).replace("@LAB_TRUST_ANCHOR@", ". IN DS 1 8 2 00")
    site = parse_site(text.encode(), "site.yaml").site
    assert site.submission.logins_per_minute == 100_000


def test_the_shared_variant_is_ours_with_settings_of_dovecots_services_and_nothing_else() -> None:
    text = variants.site_text(_USERS)
    shared = variants.site_text(_USERS, 2)
    assert shared.startswith(text)
    parsed = parse_site(shared.replace("@LAB_TRUST_ANCHOR@", ". IN DS 1 8 2 00").encode(), "x")
    options = parsed.site.dovecot["2.3"]
    assert options["service/imap-login/process_min_avail"] == "2"
    assert all(name.startswith("service/") for name in options)


def test_tuned_is_stock_with_what_the_documents_advise_and_nothing_else() -> None:
    advice = variants.dovecot_advice(2)
    stock, tuned = variants.dovecot_local(), variants.dovecot_local(advice)
    assert tuned.startswith(stock)
    added = tuned.removeprefix(stock)
    assert added == "".join(f"# {one.source}\n{one.line}\n" for one in advice)
    assert all(one.source for one in (*advice, *variants.unbound_advice(2)))
    assert "fsync" not in tuned


def test_slabs_are_the_power_of_two_next_to_the_number_of_threads() -> None:
    got = {
        cores: next(a.line for a in variants.unbound_advice(cores) if "msg-cache-slabs" in a.line)
        for cores in (1, 2, 3, 8)
    }
    want = {1: 1, 2: 2, 3: 4, 8: 8}
    assert got == {cores: f"msg-cache-slabs: {slabs}" for cores, slabs in want.items()}


def test_aims_are_judged_by_rate_and_by_work_round_by_round() -> None:
    # One round in which the machine was half as quick for all of them, and one of ours alone.
    slow = [{**one, "number": 3, "rate": one["rate"] / 2} for one in RECORDS[:3]]
    other = [_record(STOCK, LOGIN, 4, 100.0, 0.010), _record(OURS, LOGIN, 5, 50.0, 0.020)]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in verdict_table([*RECORDS, *slow, *other]).splitlines()[2:]
    ]
    assert rows == [
        ["logins, a second", "ahead of stock", "+10.0% (+10.0% to +24.4%) reached", "-"],
        ["logins, a second", "within 5% of tuned", "-45.0% (-46.7% to -45.0%) missed", "-"],
        ["logins, CPU for each", "ahead of stock", "+11.1% (+11.1% to +33.3%) reached", "-"],
        ["logins, CPU for each", "within 5% of tuned", "-44.4% (-44.4% to -44.4%) missed", "-"],
    ]


def test_an_aim_is_undecided_where_the_rounds_do_not_agree() -> None:
    ahead = [_record(STOCK, LOGIN, 3, 120.0, 0.010), _record(OURS, LOGIN, 3, 100.0, 0.010)]
    first = verdict_table([*RECORDS, *ahead]).splitlines()[2]
    assert "+10.0% (-16.7% to +24.4%) undecided" in first


def test_a_load_that_nobody_did_is_no_part_of_the_report() -> None:
    assert figures(RECORDS, ANSWER, "rate") == {}
    assert "DNS" not in render_rates(RECORDS)
    assert "/s" in render_rates(RECORDS)


def test_a_table_compares_with_stock() -> None:
    lines = load_table(RECORDS, LOGIN).splitlines()
    (ours,) = (line for line in lines if line.startswith(f"| {OURS}"))
    assert [cell.strip() for cell in ours.split("|")[2:6]] == [
        "111 (110-112)",
        "1.17",
        "9.00 ms (9.00-9.00)",
        "0.82",
    ]


def test_rates_and_costs_have_the_digits_that_mean_something() -> None:
    rates, costs = figures(RECORDS, LOGIN, "rate"), figures(RECORDS, LOGIN, "cpu")
    assert rate_text(rates[TUNED]) == "205 (200-210)"
    assert cost_text(costs[TUNED]) == "5.00 ms (5.00-5.00)"
