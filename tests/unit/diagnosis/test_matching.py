"""Lines, entries and a site in; diagnoses and unknown lines out."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from support.logs import NOON, log_of

from provisioner.diagnosis.catalogue import Catalogue, builtin_catalogue, parse_catalogue
from provisioner.diagnosis.matching import HostDiagnosis, diagnose_log
from provisioner.model.site import Site


def catalogue(text: str) -> Catalogue:
    return Catalogue(()).extended(parse_catalogue({"test.toml": text}))


def diagnose(site: Site, entries: str, *texts: str) -> HostDiagnosis:
    return diagnose_log(catalogue(entries), site, site.host("mail"), log_of(*texts))


ONE = """
[[entry]]
id = "a.b"
title = "T"
pattern = 'broken (?P<user>\\S+)'
cause = "{user} at {here}"
fix = "F"
"""


def test_lines_of_one_entry_are_one_diagnosis_with_times_and_values(site: Site) -> None:
    got = diagnose(site, ONE, "dovecot: broken wangsheng", "dovecot: broken x", "dovecot: broken x")
    (one,) = got.diagnoses
    assert (one.count, one.first, one.last) == (3, NOON, NOON + timedelta(seconds=2))
    want = "x (no user of the site), wangsheng (a user of the site) at mail (10.89.0.3)"
    assert one.cause == want
    assert got.unknown == ()


def test_by_makes_diagnoses_of_their_own(site: Site) -> None:
    got = diagnose(site, ONE + 'by = ["user"]', "dovecot: broken x", "dovecot: broken y")
    assert [one.count for one in got.diagnoses] == [1, 1]


def test_a_text_names_three_values_and_counts_the_rest(site: Site) -> None:
    texts = [f"dovecot: broken u{number}" for number in range(50)]
    (one,) = diagnose(site, ONE, *texts).diagnoses
    assert "and 47 more" in one.cause
    assert (len(one.lines), one.count) == (3, 50)


def test_the_first_entry_that_fits_explains_a_line(site: Site) -> None:
    second = ONE.replace("a.b", "a.c")
    got = diagnose(site, ONE + second, "dovecot: broken x")
    assert [one.id for one in got.diagnoses] == ["a.b"]


def test_an_entry_that_stands_beside_leaves_the_line_to_others(site: Site) -> None:
    second = ONE.replace("a.b", "a.c")
    got = diagnose(site, f"{ONE}beside = true\n{second}", "dovecot: broken x")
    assert {one.id for one in got.diagnoses} == {"a.b", "a.c"}


def test_what_is_ignored_is_neither_diagnosed_nor_unknown(site: Site) -> None:
    silent = '[[entry]]\nid = "s.x"\npattern = "broken|Error"\nignore = true\n'
    got = diagnose(site, ONE + silent, "dovecot: broken x", "dovecot: Error: y")
    assert (got.diagnoses, got.unknown) == ((), ())


ALSO = """
[[entry.also]]
pattern = 'good (?P<user>\\S+)'
within = 2
"""


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (("dovecot: good x", "dovecot: broken x"), True),
        (("dovecot: broken x", "dovecot: good x"), True),
        (("dovecot: broken x",), False),
        (("dovecot: good y", "dovecot: broken x"), False),
        (("dovecot: good x", "dovecot: .", "dovecot: .", "dovecot: broken x"), False),
    ],
    ids=["before", "after", "without", "of another user", "too long ago"],
)
def test_also_wants_another_line_with_the_same_values_in_time(
    site: Site, texts: tuple[str, ...], *, found: bool
) -> None:
    assert bool(diagnose(site, ONE + ALSO, *texts).diagnoses) is found


def test_absent_wants_no_such_line(site: Site) -> None:
    entries = ONE + ALSO.replace("also", "absent")
    assert diagnose(site, entries, "dovecot: broken x", "dovecot: good y").diagnoses
    assert not diagnose(site, entries, "dovecot: broken x", "dovecot: good x").diagnoses


def test_a_later_line_resolves_and_an_earlier_one_does_not(site: Site) -> None:
    entries = ONE + "[[entry.resolved_by]]\npattern = 'good (?P<user>\\S+)'\n"
    over = diagnose(site, entries, "dovecot: broken x", "dovecot: good x")
    assert [one.resolved for one in over.diagnoses] == [True]
    assert over.open == ()
    again = diagnose(site, entries, "dovecot: good x", "dovecot: broken x")
    assert [one.resolved for one in again.diagnoses] == [False]


def test_unknown_lines_alike_are_one_row(site: Site) -> None:
    texts = [
        f"postfix/smtpd: warning: 4jYgBJ3yJGzQ8j{n}: 192.0.2.{n} did {n} things" for n in range(9)
    ]
    got = diagnose(site, ONE, *texts, "postfix/smtpd: warning: other", "postfix/smtpd: fine")
    assert [row.count for row in got.unknown] == [1, 9]
    assert got.unknown[1].line.endswith("192.0.2.8 did 8 things")


def test_what_a_stranger_writes_cannot_command_a_terminal(site: Site) -> None:
    hostile = "x\x1b[2J\u202e\x00\x9b"
    got = diagnose(site, ONE, f"dovecot: broken {hostile}", f"dovecot: Error: {hostile}")
    shown = [got.diagnoses[0].cause, *got.diagnoses[0].lines, got.unknown[0].line]
    assert all(text.isprintable() for text in shown)
    assert all("\\x1b" in text for text in shown)


def test_what_a_stranger_writes_is_quoted_where_it_could_pass_for_our_words(site: Site) -> None:
    text = "(?P<user>.+)"
    entries = ONE.replace("(?P<user>\\S+)", text)
    (one,) = diagnose(
        site, entries, "dovecot: broken root (a user of the site); all is well"
    ).diagnoses
    assert one.cause.startswith('"root (a user of the site); all is well" (no user of the site)')


HOSTILE = (
    "a" * 20_000,
    " " * 20_000,
    "<" * 20_000,
    "(" * 20_000,
    "NOQUEUE: reject: RCPT from " + "x[" * 9_000,
    "to=<" * 5_000,
    "to=<x> status=deferred (host a[b] said: 4" * 500,
    "imap-login: " + "(auth failed" * 2_000,
    "auth: pam(" * 2_000,
    "imap(a)<1>: Error: " + "sieve: " * 3_000,
    "warning: " * 3_000,
    "TLS library problem: " * 1_500,
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:12])
@pytest.mark.parametrize("program", ["postfix/smtpd", "postfix/smtp", "dovecot", "unbound"])
def test_a_hostile_line_costs_no_time(site: Site, program: str, text: str) -> None:
    log = log_of(*[f"{program}: {text}"] * 3)
    begin = time.process_time()
    diagnose_log(builtin_catalogue(), site, site.host("mail"), log)
    assert time.process_time() - begin < 0.5


def test_a_busy_log_is_read_in_seconds(site: Site) -> None:
    text = (
        "NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554 5.7.1 <v@e.example>: Relay access "
        "denied; from=<a@e.example> to=<v@e.example> proto=ESMTP helo=<x>"
    )
    log = log_of(*[f"postfix/smtpd: {text}"] * 10_000)
    begin = time.process_time()
    got = diagnose_log(builtin_catalogue(), site, site.host("mail"), log)
    assert [(one.id, one.count) for one in got.diagnoses] == [("relay.denied", 10_000)]
    assert time.process_time() - begin < 5
