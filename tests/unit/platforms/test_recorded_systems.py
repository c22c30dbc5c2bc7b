"""The records against what real systems say and ship, with the source of each beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from support.observing import answer_of_this_host

from provisioner.daemons.postfix.habits import habits as postfix_habits
from provisioner.daemons.unbound.habits import habits as unbound_habits
from provisioner.diagnostics import MailprovError
from provisioner.facts.observation import parse_introduction, parse_os_release
from provisioner.platforms.records import detect_platform, platform_named

RECORDED = Path(__file__).parents[2] / "recorded/systems"
SYSTEMS = tomllib.loads((RECORDED / "os-release.toml").read_text(encoding="utf-8"))["system"]
EL = tomllib.loads((RECORDED / "el.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system["file"])
def test_a_real_system_is_recognised_or_refused_with_its_nearest(system: dict[str, str]) -> None:
    fields = parse_os_release(system["os_release"].splitlines())
    if "platform" in system:
        assert detect_platform(fields).name == system["platform"]
        return
    with pytest.raises(MailprovError) as caught:
        detect_platform(fields)
    told = caught.value.diagnostics[0]
    assert f"the nearest known platform is {system['nearest']};" in told.fix
    assert fields["PRETTY_NAME"] in (told.got or "")


@pytest.mark.parametrize("case", EL["versions"], ids=lambda case: case["program"])
def test_versions_are_read_from_what_real_programs_say(
    case: dict[str, str], tmp_path: Path
) -> None:
    said = f"cat <<'END'\n{case['output'].lstrip()}\nEND"
    lines = answer_of_this_host("", tmp_path, **{case["program"]: said})
    introduction = parse_introduction(lines)
    assert introduction.versions[case["daemon"]] == case["version"]


def _vendor(file: str) -> list[Any]:
    return [
        pytest.param(name, entry["text"], id=name)
        for entry in EL["vendor"]
        if entry["file"] == file
        for name in entry["platforms"]
    ]


@pytest.mark.parametrize(("name", "text"), _vendor("main.cf"))
def test_postfix_keeps_its_things_where_the_vendors_main_cf_has_them(name: str, text: str) -> None:
    habits = postfix_habits(platform_named(name))
    settings = dict(line.split(" = ") for line in text.splitlines() if line)
    assert habits.queue_directory == settings["queue_directory"]
    assert habits.parameters.items() <= settings.items()


@pytest.mark.parametrize(("name", "text"), _vendor("master.cf"))
def test_services_are_confined_as_the_vendors_master_cf_has_it(name: str, text: str) -> None:
    chroot = {line.split()[4] for line in text.splitlines() if line}
    assert chroot == {"y" if postfix_habits(platform_named(name)).chroot else "n"}


@pytest.mark.parametrize(("name", "text"), _vendor("unbound.conf"))
def test_unbound_keeps_its_things_where_the_vendors_file_has_them(name: str, text: str) -> None:
    habits = unbound_habits(platform_named(name))
    options = {
        key: value.strip().strip('"')
        for key, _, value in (line.partition(":") for line in text.splitlines() if line)
    }
    assert habits.user == options["username"]
    assert habits.directory == options["directory"]
    assert habits.anchor == options["auto-trust-anchor-file"]
    assert habits.pid_file == options["pidfile"].removeprefix("/var")
    assert f"{habits.parts_dir}/*.conf" == options["include"]


@pytest.mark.parametrize("listed", EL["maps"], ids=lambda listed: listed["source"])
def test_the_lookup_tables_of_many_users_are_of_a_type_that_has_a_package(
    listed: dict[str, Any],
) -> None:
    there = {row.partition(".")[0] for row in listed["text"].split()}
    for name in listed["platforms"]:
        platform = platform_named(name)
        wanted = {one for one in platform.table_packages if one.startswith("postfix")}
        assert wanted == {f"postfix-{platform.table_type}"}
        assert wanted <= there
