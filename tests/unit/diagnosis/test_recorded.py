"""The catalogue against what real daemons logged when a lab host was broken on purpose."""

from __future__ import annotations

import subprocess
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.breaking import Fault
from support.logs import RECORDED, recorded, recorded_names
from support.mail_faults import FAULTS

from provisioner.diagnosis.catalogue import builtin_catalogue
from provisioner.diagnosis.known_failure import KnownFailure
from provisioner.diagnosis.mail_log import LogLine, parse_mail_log
from provisioner.diagnosis.matching import diagnose_log
from provisioner.diagnosis.trouble import CHECK, looks_like_trouble
from provisioner.model.site import Site

CATALOGUE = builtin_catalogue()
RELEASES = ("debian-12", "debian-13")
_EL = Path(__file__).parents[2] / "recorded/systems/el.toml"
EL = tomllib.loads(_EL.read_text(encoding="utf-8"))
HEALTHY = ("healthy-mail", "healthy-ns")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.slug)
def test_a_fault_is_recognised_from_its_recorded_log(
    fault: Fault, release: str, site: Site
) -> None:
    got = diagnose_log(CATALOGUE, site, site.host(fault.host), recorded(fault.slug, release))
    found = {one.id: one for one in got.diagnoses}
    assert set(fault.finds) <= set(found)
    assert got.unknown == ()
    shown = [found[name] for name in fault.finds]
    assert any(fault.shows in line for one in shown for line in one.lines)
    words = " ".join(f"{one.cause} {one.fix}" for one in shown)
    for text in fault.says:
        assert text in words


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_host_yields_nothing(name: str, release: str, site: Site) -> None:
    host = site.host(name.rpartition("-")[2])
    got = diagnose_log(CATALOGUE, site, host, recorded(name, release))
    assert len(recorded(name, release).lines) > 3
    assert (got.open, got.unknown) == ((), ())


@pytest.mark.parametrize("release", RELEASES)
def test_every_recording_is_read_by_a_test(release: str) -> None:
    assert set(recorded_names(release)) == {*HEALTHY, *(fault.slug for fault in FAULTS)}


def _all_lines() -> list[LogLine]:
    return [
        line
        for release in RELEASES
        for name in recorded_names(release)
        for line in recorded(name, release).lines
    ]


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: entry.id)
def test_an_entry_has_a_recorded_line_or_names_its_source(entry: KnownFailure) -> None:
    seen = any(entry.matches(line.program, line.text) for line in _all_lines())
    assert seen or entry.source


def test_every_line_that_counts_passes_the_selection_on_the_host() -> None:
    """A line that an entry or the marks of trouble find must not stay on the host."""
    texts: list[str] = []
    for path in sorted(RECORDED.glob("*/*.log")):
        texts += [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    done = subprocess.run(
        ["grep", "-aE", "-e", CATALOGUE.selection],
        input="\n".join(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    passed = done.stdout
    missed = {
        str(line)
        for line in _all_lines()
        if not CHECK.fullmatch(line.program)
        and (looks_like_trouble(line) or _explained(line))
        and f"]: {line.text}" not in passed
    }
    assert missed == set()


def _explained(line: LogLine) -> bool:
    return any(
        entry.matches(line.program, line.text) for entry in CATALOGUE.entries if not entry.ignore
    )


@pytest.mark.parametrize("log", EL["maillog"], ids=lambda log: log["source"])
def test_the_mail_log_of_an_enterprise_linux_host_is_read_and_explained(
    log: dict[str, Any], site: Site
) -> None:
    rows = log["text"].strip().splitlines()
    noon = int(datetime(log["year"], 12, 31, 12, tzinfo=UTC).timestamp())
    answer = [f"@now {noon} +0900", "@source /var/log/maillog", *(f"|{row}" for row in rows)]
    read = parse_mail_log(answer, len(rows))
    assert (len(read.lines), read.unread) == (len(rows), ())
    assert {line.time.year for line in read.lines} == {log["year"]}
    got = diagnose_log(CATALOGUE, site, site.host("mail"), read)
    assert {one.id for one in got.diagnoses} == set(log["troubles"])
    assert got.unknown == ()


def test_the_tutorials_two_lines_are_known_in_the_words_of_every_version() -> None:
    lines = (
        "SASL: Connect to private/auth failed: No such file or directory",
        "SASL: Connect to Dovecot auth socket 'private/auth' failed: No such file or directory",
    )
    (entry,) = (one for one in CATALOGUE.entries if one.id == "sasl.no-socket")
    for line in lines:
        match = entry.matches("postfix/submission/smtpd", f"warning: {line}")
        assert match is not None
        assert match["path"] == "private/auth"
    (fatal,) = (one for one in CATALOGUE.entries if one.id == "sasl.no-mechanism")
    assert fatal.matches("postfix/smtpd", "fatal: no SASL authentication mechanisms")
