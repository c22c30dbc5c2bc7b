"""Hosts that earlier versions of mailprov left are read, rolled back and converged.

Each recording of tests/recorded/states is laid on a host of its own. The tests of one come
in the order of an operator's day: look, go on, go back, and come back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.deployed import DeployedSite, LabFactory
from support.recorded_states import HOST, STATE, Recording, recordings

from provisioner.lab import LabHost
from provisioner.remote.program import STATE_FORMAT

RECORDINGS = {recording.folder.name: recording for recording in recordings()}
AS_TODAY = {"2026-12-01-e2c0ffe"}
"""Those whose files are what this version renders of the same site; others have to change."""

pytestmark = [
    pytest.mark.lab,
    pytest.mark.parametrize(
        "laid",
        [pytest.param(key, marks=pytest.mark.xdist_group(key)) for key in RECORDINGS],
        indirect=True,
    ),
]


@dataclass(frozen=True)
class Laid:
    """A host on which a recording was laid, and the last of its site files."""

    recording: Recording
    site: DeployedSite
    laid: dict[str, str]

    @property
    def host(self) -> LabHost:
        """The host."""
        return self.site.host("mail")

    def told(self, verb: str, *options: str) -> dict[str, Any]:
        """Run a verb and return what it says of the host as JSON; fails the test on an error.

        The exit code tells nothing here: no way leads to the host's address but through it.
        """
        done = self.site.mailprov(verb, "--json", *options)
        assert done.stdout, done.stderr
        document = json.loads(done.stdout)
        assert not document["errors"], done.stdout
        (host,) = document["hosts"].values()
        assert not host.get("errors"), done.stdout
        return dict(host)

    def changes(self) -> list[dict[str, str]]:
        """Return what plan would change."""
        return list(self.told("plan")["changes"])

    def format(self) -> str:
        """Return the format of the host's state."""
        return self.host.read_file(f"{STATE}/format").split()[0]

    def records(self) -> dict[str, str]:
        """Return each remembered generation's record."""
        return records_on(self.host)


def records_on(host: LabHost) -> dict[str, str]:
    """Return the record of each generation that the host remembers."""
    names = host.check_run(["sh", "-c", f"cd {STATE}/generations && ls -d */record"]).split()
    return {name.partition("/")[0]: host.read_file(f"{STATE}/generations/{name}") for name in names}


@pytest.fixture(scope="module")
def laid(request: pytest.FixtureRequest, lab_as_named: LabFactory) -> Laid:
    """Return a fresh host with the recording of that name laid on it."""
    recording = RECORDINGS[request.param]
    lab = lab_as_named(f"as-{recording.made.commit}", [HOST])
    recording.lay_on(lab.host("mail"))
    path: Path = lab.home / "site.yaml"
    path.write_text(lab.site(recording.sites[-1].read_text(encoding="utf-8")), encoding="utf-8")
    return Laid(recording, DeployedSite(lab, path), records_on(lab.host("mail")))


def test_its_history_is_read_and_looking_writes_nothing(laid: Laid) -> None:
    made = laid.recording.made
    history = laid.told("history")
    assert history["generation"] == made.generations[-1]
    assert set(history["generations"]) == {"0", *made.generations}
    assert history["snapshots"] == list(made.snapshots)
    laid.told("status")
    laid.changes()
    assert laid.format() == "1"
    assert laid.records() == laid.laid


def test_an_apply_that_is_refused_leaves_the_host_to_the_version_before(laid: Laid) -> None:
    edit = "cp -p /etc/postfix/main.cf /root/ && echo '# edited' >>/etc/postfix/main.cf"
    laid.host.check_run(["sh", "-c", edit])
    done = laid.site.mailprov("apply")
    assert done.returncode == 5, done.stdout + done.stderr
    assert laid.format() == "1"
    laid.host.check_run(["mv", "/root/main.cf", "/etc/postfix/main.cf"])


def test_only_what_is_rendered_in_another_way_is_a_change(laid: Laid) -> None:
    changes = laid.changes()
    if laid.recording.folder.name in AS_TODAY:
        assert changes == []
        assert laid.told("plan")["generation"] == laid.recording.made.generations[-1]
    else:
        assert "file" in {change["kind"] for change in changes}
    done = laid.told("apply")
    assert done["status"] == ("changed" if changes else "unchanged")
    assert laid.changes() == []


def test_every_generation_is_brought_back_under_its_name_with_its_record(laid: Laid) -> None:
    made = laid.recording.made
    for name in (made.generations[0], "0", *reversed(made.generations)):
        in_force = laid.told("history")["generation"]
        done = laid.told("rollback", "--to", name)
        # Nothing changes where the generation is in force already.
        assert (done["status"], done["generation"]) == (
            "unchanged" if name == in_force else "changed",
            name,
        )
        assert laid.told("history")["generation"] == name
        assert laid.told("rollback", "--to", name)["changes"] == []
        assert laid.format() == str(STATE_FORMAT)
    kept = laid.records()
    assert {name: kept[name] for name in laid.laid} == laid.laid


def test_users_are_brought_back_as_an_earlier_version_left_them(laid: Laid) -> None:
    laid.told("apply")
    first, *_, last = laid.recording.made.snapshots
    users = "/etc/dovecot/mailprov/users"
    assert "bob" in laid.host.read_file(users)
    laid.told("rollback", "--directory", "--to", str(first))
    assert "bob" not in laid.host.read_file(users)
    laid.told("rollback", "--directory", "--to", str(last))
    assert "bob" in laid.host.read_file(users)


def test_it_comes_back_to_its_site_and_stays(laid: Laid) -> None:
    laid.told("apply")
    assert laid.changes() == []
    assert laid.told("apply")["status"] == "unchanged"
    history = laid.told("history")
    # Under a name of its own by now: what went back comes again by this version.
    assert json.loads(laid.records()[history["generation"]])["format"] == STATE_FORMAT
    assert laid.told("rollback", "--to", laid.recording.made.generations[0])["status"] == "changed"
    assert laid.told("rollback")["generation"] == history["generation"]
