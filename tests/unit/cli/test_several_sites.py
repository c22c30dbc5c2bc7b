"""Several sites in one command: hosts are shown with their site, documents stay each site's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.refs import ref

from provisioner.cli.outcome_view import outcome_table, verdict_lines
from provisioner.cli.progress import LiveProgress
from provisioner.cli.several_sites import errors_shown, note_of, site_documents
from provisioner.cli.site_opening import limited_hosts, of_each, refuse_same_sites
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import DomainName
from provisioner.probes.finding import Finding, Status, Verdict
from provisioner.site.load import parse_site
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.run import Run, by_key
from provisioner.verbs.runs import Runs

ONE, TWO = DomainName("one.example"), DomainName("two.example")
FILE = """\
domain: {0}
hosts: {{mail: {{address: 192.0.2.10}}}}
users: {{alice: {{password: {{env: X}}}}}}
"""
SITES = [parse_site(FILE.format(site).encode(), f"{site}.yaml").site for site in (ONE, TWO)]


def runs(*, several: bool) -> Runs:
    nothing: Any = None
    sites = SITES if several else SITES[:1]
    each = (Run(site, site.hosts, nothing, {}, nothing, nothing, "owner") for site in sites)
    return Runs(tuple(each), several=several)


def test_the_document_of_one_site_is_the_sites_own() -> None:
    assert site_documents(runs(several=False), lambda _: {"hosts": {}}) == {"hosts": {}}


def test_the_document_of_several_lists_each_sites_own() -> None:
    got = site_documents(runs(several=True), lambda site: {"changes": len(site)})
    want = [{"site": ONE, "changes": 11}, {"site": TWO, "changes": 11}]
    assert got == {"sites": want}


@pytest.mark.parametrize(
    ("where", "want"),
    [
        ("mail", "one.example/mail"),
        ("mail (root@192.0.2.10:22)", "one.example/mail (root@192.0.2.10:22)"),
        ("mail:/etc/postfix/main.cf", "one.example/mail:/etc/postfix/main.cf"),
        ("mail.yaml:3:1", "mail.yaml:3:1"),
        ("mail:3:1", "mail:3:1"),
        ("", ""),
    ],
)
def test_an_error_of_a_host_names_its_site(where: str, want: str) -> None:
    error = MailprovError(Diagnostic("it is down", where), ExitCode.UNREACHABLE)
    (got,) = errors_shown({ref("mail", ONE): error}, str)
    assert (got.diagnostics[0].where, got.exit_code) == (want, ExitCode.UNREACHABLE)
    assert list(errors_shown({ref("mail", ONE): error}, by_key)) == [error]


def test_one_table_has_the_hosts_of_all_sites() -> None:
    outcomes = [HostOutcome(ref("mail", site), HostStatus.UNCHANGED) for site in (ONE, TWO)]
    rows = [line.split()[0] for line in outcome_table(outcomes, str)]
    assert rows == ["HOST", "one.example/mail", "two.example/mail"]


def test_news_of_hosts_with_the_same_key_are_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts = [ref("mail", ONE), ref("mail", TWO)]
    progress = LiveProgress(hosts, str)
    for host in hosts:
        progress.tell(host, "observing")
    want = ["one.example/mail  observing", "two.example/mail  observing"]
    assert capsys.readouterr().err.splitlines() == want


def test_findings_and_the_sum_name_their_site() -> None:
    found = [
        Finding("unit.dovecot@mail", "mail", "does it run?", Status.FAILED),
        Finding("allowed.open-relay", "", "is it open?", Status.WARNING),
    ]
    got = [str(line) for line in verdict_lines(Verdict(tuple(found)), ONE, everything=False)]
    assert got == [
        "warning  allowed.open-relay@one.example: is it open?",
        "failed   unit.dovecot@one.example/mail: does it run?",
        "verify one.example: 0 passed, 1 failed, 1 warning, 0 skipped",
    ]


def test_a_note_names_its_site_where_there_are_several() -> None:
    assert note_of(ONE, "mail: kept", str) == "note: one.example: mail: kept"
    assert note_of(ONE, "mail: kept", by_key) == "note: mail: kept"


def test_limit_takes_a_key_of_any_site_or_a_host_with_its_site() -> None:
    chosen = [[str(host.ref) for host in hosts] for hosts in limited_hosts(SITES, ["mail"])]
    assert chosen == [["one.example/mail"], ["two.example/mail"]]
    assert [len(hosts) for hosts in limited_hosts(SITES, ["two.example/mail"])] == [0, 1]
    with pytest.raises(MailprovError) as caught:
        limited_hosts(SITES, ["two.example/ns"])
    assert caught.value.exit_code is ExitCode.USAGE


def test_what_is_wrong_with_each_file_is_told_at_once() -> None:
    def read(name: str) -> str:
        if name == "good":
            return name
        code = ExitCode.REFUSED if name == "unknown platform" else ExitCode.INVALID_SITE
        raise MailprovError(Diagnostic("wrong", name), code)

    with pytest.raises(MailprovError) as caught:
        of_each(["bad", "good", "unknown platform"], read)
    assert [one.where for one in caught.value.diagnostics] == ["bad", "unknown platform"]
    assert caught.value.exit_code is ExitCode.INVALID_SITE
    with pytest.raises(MailprovError) as caught:
        of_each(["good", "unknown platform"], read)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert of_each(["good", "good"], read) == ["good", "good"]


def test_a_site_that_is_named_twice_is_refused_by_its_domain() -> None:
    refuse_same_sites(SITES, [Path("a.yaml"), Path("b.yaml")])
    with pytest.raises(MailprovError) as caught:
        refuse_same_sites([SITES[0], SITES[0]], [Path("a.yaml"), Path("b.yaml")])
    assert caught.value.exit_code is ExitCode.INVALID_SITE
    (told,) = caught.value.diagnostics
    assert (told.where, told.got) == ("b.yaml", "domain: one.example, as in a.yaml")
