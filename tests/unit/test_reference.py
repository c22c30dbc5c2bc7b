"""The reference says everything that the code knows, and nothing that it does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

import click
import pytest
import yaml
from support.generations import CERTIFICATE
from support.logs import log_of
from support.refs import ref

from provisioner.cli.diagnosis_view import counts_of, host_as_json
from provisioner.cli.history_verb import history_json
from provisioner.cli.main import mailprov, run
from provisioner.cli.outcome_view import outcome_json
from provisioner.cli.plan_view import plan_json
from provisioner.cli.send_view import failed_json, sending_json
from provisioner.cli.several_sites import site_documents
from provisioner.cli.status_view import condition_json, status_json
from provisioner.diagnosis.catalogue import builtin_catalogue, parse_catalogue
from provisioner.diagnosis.known_failure import SITE_TERMS, KnownFailure, LineCondition, Severity
from provisioner.diagnosis.matching import diagnose_log
from provisioner.diagnosis.trace import End, Recipient, Step, Trace
from provisioner.diagnostics import Diagnostic, ExitCode
from provisioner.facts.queue import Queue, QueuedMessage, Waiting
from provisioner.facts.status_facts import DiskSpace
from provisioner.model.hashes import SCHEMES
from provisioner.model.names import HostKey
from provisioner.model.records import RecordType
from provisioner.model.scalars import render_size
from provisioner.model.schema import site_schema
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Allowance, Imap, Pop3, Submission
from provisioner.plan.change import RECORD
from provisioner.plan.condition import Condition, UnitCondition
from provisioner.plan.history import parse_history
from provisioner.plan.site_phases import PhaseKind, PhaseStatus
from provisioner.platforms.records import known_platforms, platform_named
from provisioner.probes.finding import Finding, Status, Verdict
from provisioner.render.nature import Nature
from provisioner.resources.change import Action, Change, Drift
from provisioner.resources.registry import kinds
from provisioner.rooms.host_tree import render_host
from provisioner.site.load import parse_site
from provisioner.verbs.envelope import find_door, find_sender
from provisioner.verbs.handover import Handover, Posting, Refusal, Stage
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.run import Run
from provisioner.verbs.runs import Runs
from provisioner.verbs.send import Sending
from provisioner.verbs.status import SiteStatus

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
BASE = {
    "domain": "example.org",
    "hosts": {"mail": {"address": "192.0.2.10"}},
    "users": {"alice": {"password": {"env": "ALICE_PASSWORD"}}},
}
ONE_SITE = """\
domain: {0}
hosts: {{mail: {{address: 192.0.2.10}}}}
users: {{alice: {{password: {{env: X}}}}}}
"""
SCHEMA = site_schema()


@cache
def _page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def _blocks(page: str, language: str) -> list[tuple[str, str]]:
    """Return (word after the language, content) of each fenced block."""
    return re.findall(
        rf"^```{language}[ ]?(\w*)\n(.*?)^```$", _page(page), re.DOTALL | re.MULTILINE
    )


def _spans(text: str) -> set[str]:
    """Return what stands in backticks, outside of fenced blocks."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([^`\n]+)`", prose))


def _rows(text: str, head: str) -> list[list[str]]:
    """Return the cells of every table whose first heading is `head`."""
    rows: list[list[str]] = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == head:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows


# The site file.


def _schema_keys(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 JSON is any of six types
    """Yield the path of every named key; `*` stands for a key that the operator chooses."""
    if "$ref" in node:
        yield from _schema_keys(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]], path)
    for branch in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _schema_keys(branch, path)
    if "items" in node:
        yield from _schema_keys(node["items"], path)
    for key, child in node.get("properties", {}).items():
        yield (*path, key)
        yield from _schema_keys(child, (*path, key))
    if isinstance(node.get("additionalProperties"), dict):
        names = node.get("propertyNames", {})
        if "$ref" in names:
            names = SCHEMA["$defs"][names["$ref"].rpartition("/")[2]]
        for key in names.get("enum", ()):
            yield (*path, key)
        yield from _schema_keys(node["additionalProperties"], (*path, "*"))


def _schema_words(node: Any) -> Iterator[str]:  # noqa: ANN401 JSON is any of six types
    """Yield every word that the schema accepts at some key."""
    if isinstance(node, list):
        for item in node:
            yield from _schema_words(item)
    elif isinstance(node, dict):
        for word in (*node.get("enum", ()), *([node["const"]] if "const" in node else ())):
            yield str(word).lower() if isinstance(word, bool) else str(word)
        for child in node.values():
            yield from _schema_words(child)


def _generic(key: str) -> str:
    return ".".join("*" if step.isupper() and step.isalpha() else step for step in key.split("."))


def _documented_keys() -> set[str]:
    return {_generic(span) for span in _spans(_page("site-file"))}


def test_every_key_of_the_schema_is_named_in_the_site_file_reference() -> None:
    known = {".".join(path) for path in _schema_keys(SCHEMA)}
    assert len(known) > 60
    # The words of allow_insecure have a table of their own, where they stand alone.
    wanted = {key.removeprefix("allow_insecure.") for key in known}
    assert sorted(wanted - _documented_keys()) == []


def test_every_key_in_a_table_of_the_site_file_reference_is_one_of_the_schema() -> None:
    known = {".".join(path) for path in _schema_keys(SCHEMA)}
    got = {_generic(row[0].strip("`")) for row in _rows(_page("site-file"), "key")}
    assert len(got) > 60
    assert sorted(got - known) == []


def test_every_word_that_a_key_accepts_is_named() -> None:
    assert sorted(set(_schema_words(SCHEMA)) - _spans(_page("site-file"))) == []


def test_the_table_of_unsafe_wishes_has_each_of_them() -> None:
    got = [row[0].strip("`") for row in _rows(_page("site-file"), "word")]
    assert got == [*Allowance]


@pytest.mark.parametrize("service", [Submission(), Imap(), Pop3()])
def test_the_defaults_of_the_services_are_those_of_the_model(
    service: Submission | Imap | Pop3,
) -> None:
    table = {
        row[0].strip("`"): row[3].strip("`")
        for row in _rows(_page("site-file"), "key")
        if len(row) > 3
    }
    name = type(service).__name__.lower()
    got = {key: table[f"{name}.{key}"] for key in type(service).model_fields}
    want = {key: str(value).lower() for key, value in service}
    want |= {"ports": "both"}
    if isinstance(service, Submission):
        want["message_size"] = render_size(service.message_size)
    if isinstance(service, Pop3):
        want["workarounds"] = "none"
    assert got == want


def test_every_password_scheme_is_named() -> None:
    assert sorted(set(SCHEMES) - _spans(_page("site-file"))) == []


def test_the_record_types_are_those_that_are_accepted() -> None:
    listed = re.search(r"Types: ([A-Z, \n]+)\.", _page("site-file"))
    assert listed
    for name in listed[1].split(","):
        RecordType.parse(name.strip())


def test_every_yaml_example_says_what_it_is() -> None:
    marks = [mark for mark, _ in _blocks("site-file", "yaml")]
    assert set(marks) == {"whole", "part"}
    assert marks.count("whole") >= 2


@pytest.mark.parametrize(
    "text", [text for mark, text in _blocks("site-file", "yaml") if mark == "whole"]
)
def test_an_example_of_a_whole_file_loads_without_a_warning(text: str) -> None:
    assert parse_site(text.encode(), "example").warnings == ()


@pytest.mark.parametrize(
    "text", [text for mark, text in _blocks("site-file", "yaml") if mark == "part"]
)
def test_an_example_of_a_section_loads_once_the_required_sections_are_added(text: str) -> None:
    written = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 the loader that makes texts only
    missing = {key: value for key, value in BASE.items() if key not in written}
    parse_site((text + yaml.safe_dump(missing)).encode(), "example")


def test_every_section_has_an_example() -> None:
    shown = {
        key
        for _, text in _blocks("site-file", "yaml")
        for key in yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 as above
    }
    assert sorted(set(SCHEMA["properties"]) - shown) == []


# The commands.


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for verb in command.list_commands(context):
            below = command.get_command(context, verb)
            assert below is not None
            yield from _commands(below, f"{name} {verb}")


COMMANDS = dict(_commands(mailprov, "mailprov"))


def _section(command: str) -> str:
    """Return what stands under the heading of a command, up to the next heading."""
    if command == "mailprov":
        return _page("commands").partition("\n## ")[0]
    text = re.sub(r"^```.*?^```$", "", _page("commands"), flags=re.DOTALL | re.MULTILINE)
    found = re.search(rf"^##+ `{command}`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section_that_names_its_options_and_no_others(name: str) -> None:
    section = _section(name)
    assert section
    options = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    want = {text for option in options for text in option.opts}
    if name == "mailprov":
        want |= {"-h", "--help"}
    got = {word for span in _spans(section) for word in re.findall(r"(?<!\S)--?[a-z][a-z-]*", span)}
    assert got == want


def test_every_section_of_a_command_is_of_one_that_exists() -> None:
    named = re.findall(r"^##+ `(mailprov[^`]*)`$", _page("commands"), re.MULTILINE)
    assert sorted(set(named) - set(COMMANDS)) == []


def test_the_exit_codes_are_those_of_the_program() -> None:
    got = [int(row[0]) for row in _rows(_page("commands"), "code")]
    assert got == list(ExitCode)


def test_every_word_of_the_json_output_is_named() -> None:
    kinds_of_changes = {RECORD, *(word for kind in kinds() for word in kind.words)}
    words = {*kinds_of_changes, *Action, *HostStatus, *Status, *End, *Stage}
    words |= {*get_args(PhaseKind), *PhaseStatus}
    assert sorted(words - _spans(_page("commands"))) == []


def _example(verb: str) -> dict[str, Any]:
    ((_, text),) = (block for block in _blocks("commands", "json") if block[0] == verb)
    document: dict[str, Any] = json.loads(text)
    return document


CHANGE = Change("file", "/etc/x", Action.CREATE, "missing", diff="+x")
FINDING = Finding("a@b", "b", "?", Status.FAILED, got="g", want="w", remedy="r", via="host")


def test_the_example_of_validate_has_the_shape_of_its_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("domain: example\nhosts: {mail: {address: 192.0.2.1}}\nusers: {}\n")
    run(["validate", str(site), "--json"])
    got = json.loads(capsys.readouterr().out)
    want = _example("validate")
    assert got.keys() == want.keys()
    assert got["errors"][0] == {**want["errors"][0], "where": f"{site}:1:9"}
    assert set(want["errors"][0]) == set(Diagnostic("s", "w", "g", "w", "f").as_json())


def test_the_examples_of_plan_and_apply_have_the_shape_of_an_outcome() -> None:
    outcome = HostOutcome(ref("mail"), HostStatus.CHANGED, "id", (CHANGE,), ("n",))
    want = outcome_json(outcome)
    plan, applied = _example("plan")["hosts"]["mail"], _example("apply")["hosts"]["mail"]
    assert plan.keys() == want.keys() - {"status", "errors", "kept"}
    assert applied.keys() == want.keys()
    assert plan["changes"][0].keys() == CHANGE.as_json().keys()


def test_the_example_of_several_sites_lists_each_sites_own_document() -> None:
    nothing: Any = None
    texts = [ONE_SITE.format(site).encode() for site in ("example.org", "example.net")]
    sites = [parse_site(text, "site.yaml").site for text in texts]
    runs = [Run(site, site.hosts, nothing, {}, nothing, nothing, "owner") for site in sites]
    document = site_documents(
        Runs(tuple(runs), several=True), lambda site: plan_json(SitePlan().of(site))
    )
    assert document == _example("several")


def test_the_example_of_the_list_of_users_has_its_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(yaml.safe_dump(BASE))
    assert run(["user", "list", str(site), "--json"]) == 0
    got, want = json.loads(capsys.readouterr().out), _example("user")
    assert got.keys() == want.keys()
    assert got["users"][0].keys() == want["users"][0].keys()


def test_the_example_of_history_has_the_shape_of_its_output() -> None:
    line = "2026-11-24T10:00:00Z\t2\tconfiguration\t91b2d7e0c4a85f36\troot@desk\tconfirmed"
    got = history_json(parse_history(["2\t91b2d7e0c4a85f36"], [line], ["0"], ["1"]))
    want = _example("history")["hosts"]["mail"]
    assert got.keys() == want.keys()
    assert got["events"][0].keys() == want["events"][0].keys()  # type: ignore[index]


@pytest.mark.parametrize("verdict", [_example("verify"), _example("apply")["verify"]])
def test_the_examples_of_a_verdict_have_its_shape(verdict: dict[str, Any]) -> None:
    want = Verdict((FINDING,)).as_json()
    assert verdict.keys() - {"errors"} == want.keys()
    assert verdict["counts"].keys() == Verdict((FINDING,)).as_json()["counts"].keys()  # type: ignore[attr-defined]
    assert [set(finding) for finding in verdict["findings"]] in ([], [set(FINDING.as_json())])


def test_the_example_of_status_has_the_shape_of_its_output() -> None:
    document = _example("status")
    assert document.keys() == status_json(SiteStatus()).keys()
    waiting = QueuedMessage("x", "deferred", 0, 1, "a@b.example", (Waiting("c@d.example", "why"),))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    got = condition_json(
        Condition(
            host=HostKey("mail"),
            recorded="0",
            wanted="0",
            now=moment,
            applied=moment,
            units=(UnitCondition("postfix.service", "active", moment, 0),),
            drift=(Drift("/etc/x", "missing"),),
            due=1,
            unconfirmed="somebody",
            has_certificate=True,
            certificate=CERTIFICATE,
            has_queue=True,
            queue=Queue(1, (waiting,)),
            queue_warning=timedelta(hours=3),
            disk=DiskSpace("/", 2, 1),
        )
    )
    assert _shape(document["hosts"]["mail"]) == _shape(got)


def test_the_example_of_send_has_the_shape_of_its_output() -> None:
    site = parse_site(json.dumps(BASE).encode(), "example").site
    sender = find_sender(site, "alice", None)
    door = find_door(site, sender, ["alice@example.org"], None)
    posting = Posting(door, sender.address, (sender.address,), b"", "<x@y>", "alice")
    refusal = Refusal(Stage.RCPT, "550 5.1.1 no", 550, "x@example.org")
    sending = Sending(posting, Handover("direct", refusals=(refusal,)), {})
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    end = Recipient("a@b.example", "a@b.example", End.DELIVERED, "mail", "INBOX")
    trace = Trace((Step(moment, "mail", "x"),), (end,), frozenset(), finished=True)
    got = sending_json(site, sending, trace, (end,))
    want = _example("send")
    assert want.keys() == {*got, "errors"} == set(failed_json([]))
    assert want["handover"].keys() == got["handover"].keys()
    for part in ("refusals", "steps", "recipients"):
        assert want[part][0].keys() == got[part][0].keys(), part


def _shape(node: Any) -> Any:  # noqa: ANN401 JSON is any of six types
    """Return a JSON document with its values' types in place of the values."""
    if isinstance(node, dict):
        return {key: _shape(child) for key, child in node.items()}
    if isinstance(node, list):
        return [_shape(node[0])] if node else []
    return type(node).__name__


@cache
def _known_failures() -> dict[str, KnownFailure]:
    return {entry.id: entry for entry in builtin_catalogue().entries if not entry.ignore}


def test_the_example_of_diagnose_has_the_shape_of_its_output() -> None:
    site = parse_site(yaml.safe_dump(BASE).encode(), "site.yaml").site
    reason = "connect to mail.example.org[private/dovecot-lmtp]: No such file or directory"
    head = "postfix/lmtp: 4jYgBJ3yJGzQ8jV: to=<alice@example.org>, relay=none, status=deferred"
    log = log_of(f"{head} ({reason})", f"{head} (never heard of)")
    found = diagnose_log(builtin_catalogue(), site, site.hosts[0], log)
    example = _example("diagnose")
    want = host_as_json(found, everything=False)
    got = example["hosts"]["mail"]
    assert got.keys() == want.keys()
    assert example["counts"] == counts_of([found])
    (row,), (unknown,) = found.diagnoses, found.unknown
    assert (got["diagnoses"][0]["id"], got["diagnoses"][0]["title"]) == (row.id, row.title)
    assert got["diagnoses"][0].keys() == want["diagnoses"][0].keys()  # type: ignore[index]
    assert got["unknown"][0].keys() == want["unknown"][0].keys()  # type: ignore[index]
    assert unknown.count == 1


# The diagnosis catalogue.


def test_the_list_of_known_failures_is_the_catalogue() -> None:
    got = [(row[0], *row[1:]) for row in _rows(_page("diagnosis"), "id")]
    want = [
        (f"`{entry.id}`{' [S]' if entry.source else ''}", entry.severity.value, entry.title)
        for entry in sorted(_known_failures().values(), key=lambda entry: entry.id)
    ]
    assert got == want


def test_the_keys_of_entries_and_conditions_are_all_described() -> None:
    got = {
        key
        for row in _rows(_page("diagnosis"), "key")
        for key in re.findall(r"`([a-z_]+)`", row[0])
    }
    assert got == {*KnownFailure.model_fields, *LineCondition.model_fields}
    assert set(Severity) <= _spans(_page("diagnosis"))


def test_the_terms_of_the_site_are_all_described() -> None:
    rows = _rows(_page("diagnosis"), "term")
    assert {key for row in rows for key in re.findall(r"`([a-z_0-9]+)`", row[0])} == SITE_TERMS


def test_the_example_of_a_catalogue_is_one() -> None:
    ((mark, text),) = _blocks("diagnosis", "toml")
    assert mark == "example"
    assert [entry.ignore for entry in parse_catalogue({"example": text})] == [True, False]


# On the host.

SITES = (
    "tests/golden/everything/site.yaml",
    "tests/golden/split/site.yaml",
    "inventories/tutorial/site.yaml",
)


def _rendered_rows() -> set[tuple[str, str, str]]:
    rows = set()
    for name in SITES:
        site = parse_site((ROOT / name).read_bytes(), name).site
        for host in site.hosts:
            nature = Nature(platform_named("debian-12"))
            for artifact in render_host(site, host, nature, SiteSecrets({})):
                path = re.sub(r"-[0-9a-f]{12}(?=\.|$)", "-HASH", artifact.path)
                rows.add((path, f"{artifact.mode:04o}", f"{artifact.owner}:{artifact.group}"))
    return rows


def test_the_table_of_managed_files_is_what_is_rendered() -> None:
    text = _page("on-the-host").partition("\n## Files")[2].partition("\nMade on the host")[0]
    got = {(row[0].strip("`"), row[1], row[2]) for row in _rows(text, "path")}
    assert got == _rendered_rows()


@pytest.mark.parametrize("platform", known_platforms(), ids=lambda platform: platform.name)
def test_packages_and_units_of_every_platform_are_named(platform: Any) -> None:  # noqa: ANN401 pytest hands it over
    want = {platform.name, *platform.base_packages, platform.daemons["unbound"].habits["parts_dir"]}
    want |= {*platform.table_packages, *platform.daemons["postfix"].habits["login_packages"]}
    for daemon in platform.daemons.values():
        want |= {*daemon.packages, daemon.unit, daemon.running_unit}
    want -= {"/etc/unbound/unbound.conf.d"}  # stands in the table of files
    assert sorted(want - _spans(_page("on-the-host"))) == []
    assert platform.name in _spans(_page("site-file"))


@pytest.mark.parametrize("name", ["README", "site-file", "commands", "on-the-host", "diagnosis"])
def test_links_lead_to_pages_and_headings_that_exist(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", _page(name)):
        file, _, anchor = target.partition("#")
        path = REFERENCE / (file or f"{name}.md")
        assert path.exists(), target
        if anchor:
            heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in slugs, target
