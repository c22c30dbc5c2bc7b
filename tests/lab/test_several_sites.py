"""Several sites in one command: one fleet, one table, one document, and each site on its own.

Each site is one host with the key `mail`, so that nothing but the site tells them apart.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.deployed import DeployedSite, LabFactory
from support.host_faults import PENDING, STATE
from support.under_way import applying, wait_until

from provisioner.lab import HostSpec, LabHost

pytestmark = pytest.mark.lab


SITE = """
domain: {name}.example
hosts:
  mail: {{address: {address}}}
users:
  alice: {{password: {{file: alice.password}}}}
dns:
  forward: {{".": 10.89.0.253, test: 10.89.0.253}}
unbound:
  server:
    auto-trust-anchor-file: ""
    trust-anchor: "@LAB_TRUST_ANCHOR@"
submission: {{logins_per_minute: 1000}}
"""
LIMIT = "logins_per_minute: 1000"
PASSWORDS = {
    "one": "wide rivers turn slowly",
    "two": "copper kettles sing at noon",
    "three": "nobody paints the north wall",
}
SLOW = "[Service]\nExecReload=\nExecReload=/bin/sleep 5\nExecStartPre=/bin/sleep 5\n"
OVERRIDE = "/etc/systemd/system/unbound.service.d/fault.conf"


@dataclass(frozen=True)
class Sites:
    """The sites `one` and `two`, applied by one command, whose document is `first`."""

    site: DeployedSite
    first: dict[str, Any]

    def file(self, name: str) -> Path:
        # The password's reference is relative to the file: each site has another.
        return self.site.path.parent.parent / name / "site.yaml"

    @property
    def files(self) -> list[Path]:
        return [self.file("one"), self.file("two")]

    def host(self, name: str) -> LabHost:
        return self.site.host(name)

    def changed(self, limit: str) -> list[str]:
        """Return copies of both files with another limit, which a host has to take over."""
        copies = []
        for file in self.files:
            copy = file.with_name(f"{limit}.yaml")
            text = file.read_text(encoding="utf-8")
            copy.write_text(text.replace(LIMIT, f"{LIMIT}, message_size: {limit}"))
            copies.append(str(copy))
        return copies

    def run(self, verb: str, *words: str | Path) -> tuple[int, str, str]:
        first, *rest = words or self.files
        done = self.site.mailprov(verb, *map(str, rest), site=Path(first))
        return done.returncode, done.stdout, done.stderr

    def document(self, verb: str, *words: str | Path) -> tuple[int, dict[str, Any]]:
        """Return the exit code and each site's own document, by its domain."""
        code, out, errors = self.run(verb, *(words or self.files), "--json")
        assert out, errors
        told = json.loads(out)
        assert list(told) == ["sites"]
        return code, {one["site"]: one for one in told["sites"]}

    def heads(self) -> list[str]:
        return [self.host(name).read_file(f"{STATE}/head") for name in ("one", "two")]


@pytest.fixture(scope="module")
def sites(lab_factory: LabFactory) -> Sites:
    specs = [
        HostSpec("one", ("10.89.0.4",), fqdn="mail.one.example"),
        HostSpec("two", ("10.89.0.5", "10.89.0.6"), fqdn="mail.two.example"),
    ]
    lab = lab_factory("several", specs)
    for name, address in (("one", "10.89.0.4"), ("two", "10.89.0.5"), ("three", "10.89.0.6")):
        folder = lab.home / name
        folder.mkdir()
        text = lab.site(SITE.format(name=name, address=address))
        (folder / "site.yaml").write_text(text, encoding="utf-8")
        secret = folder / "alice.password"
        secret.write_text(f"{PASSWORDS[name]}\n", encoding="utf-8")
        secret.chmod(0o600)
    site = DeployedSite(lab, lab.home / "one/site.yaml")
    done = site.mailprov("apply", str(lab.home / "two/site.yaml"), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return Sites(site, json.loads(done.stdout))


def test_one_command_applies_and_proves_them_all(sites: Sites) -> None:
    assert [one["site"] for one in sites.first["sites"]] == ["one.example", "two.example"]
    for one in sites.first["sites"]:
        assert one["hosts"]["mail"]["status"] == "changed"
        assert one["verify"]["passed"]
        assert one["errors"] == []


def test_the_plan_is_empty_afterwards_and_names_hosts_with_their_sites(sites: Sites) -> None:
    code, out, _ = sites.run("plan")
    assert code == 0
    assert "one.example/mail: nothing to change" in out.splitlines()
    assert "two.example/mail: nothing to change" in out.splitlines()
    assert "0 changes on 2 hosts" in out
    code, told = sites.document("plan")
    assert code == 0
    assert {name: len(one["hosts"]["mail"]["changes"]) for name, one in told.items()} == {
        "one.example": 0,
        "two.example": 0,
    }


def test_each_sites_password_is_the_one_that_its_own_file_leads_to(sites: Sites) -> None:
    for name in ("one", "two"):
        for secret, code in ((PASSWORDS[name], 0), (PASSWORDS["three"], 77)):
            login = ["doveadm", "auth", "test", f"alice@{name}.example", secret]
            assert sites.host(name).run(login).returncode == code


def test_status_and_verify_tell_of_each_site(sites: Sites) -> None:
    code, out, _ = sites.run("status")
    assert code == 0
    assert {"one.example/mail: ok", "two.example/mail: ok"} <= set(out.splitlines())
    code, told = sites.document("status")
    assert (code, [one["healthy"] for one in told.values()]) == (0, [True, True])
    code, out, _ = sites.run("verify")
    assert code == 0, out
    sums = [line.split(":")[0] for line in out.splitlines() if line.startswith("verify ")]
    assert sums == ["verify one.example", "verify two.example"]


def test_a_site_whose_host_is_down_does_not_stop_the_other(sites: Sites) -> None:
    before = sites.heads()
    files = sites.changed("11M")
    sites.host("two").cut_network()
    try:
        status = sites.document("status")
        code, told = sites.document("apply", *files)
        _, _, errors = sites.run("plan", *files)
    finally:
        sites.host("two").restore_network()
    assert code == status[0] == 4
    assert status[1]["one.example"]["healthy"]
    assert status[1]["two.example"]["errors"]
    assert told["one.example"]["hosts"]["mail"]["status"] == "changed"
    assert told["one.example"]["verify"]["passed"]
    assert told["two.example"]["hosts"]["mail"]["status"] == "failed"
    assert told["two.example"]["verify"] is None
    assert "two.example/mail (" in errors
    after = sites.heads()
    assert (after[0] != before[0], after[1]) == (True, before[1])
    code, told = sites.document("apply", *files)
    assert code == 0
    states = [one["hosts"]["mail"]["status"] for one in told.values()]
    assert states == ["unchanged", "changed"]


def test_a_host_may_be_chosen_by_its_site(sites: Sites) -> None:
    code, told = sites.document("plan", *sites.changed("12M"), "--limit", "two.example/mail")
    assert (code, list(told)) == (2, ["two.example"])


def test_ctrl_c_names_each_host_that_is_at_work_and_both_return(sites: Sites) -> None:
    before = sites.heads()
    first, second = sites.changed("13M")
    for name in ("one", "two"):
        host = sites.host(name)
        host.write_file(OVERRIDE, SLOW)
        host.check_run(["systemctl", "daemon-reload"])
    for name, file in (("one", first), ("two", second)):
        text = Path(file).read_text(encoding="utf-8")
        records = f"dns:\n  records: {{{name}: {{TXT: here}}}}"
        Path(file).write_text(text.replace("dns:", records), encoding="utf-8")
    options = (second, "--confirm-within", "10")
    try:
        with applying(sites.site, Path(first), *options) as process:
            for name in ("one", "two"):
                wait_until(sites.host(name), f"[ -d {PENDING} ]", 30)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
    finally:
        for name in ("one", "two"):
            sites.host(name).write_file(OVERRIDE, "")
            sites.host(name).check_run(["systemctl", "daemon-reload"])
    assert process.returncode == 130, said
    told = "interrupted during the change of the configuration"
    assert f"one.example/mail: {told}" in said
    assert f"two.example/mail: {told}" in said
    assert "Traceback" not in said
    for name in ("one", "two"):
        wait_until(sites.host(name), f"[ ! -d {PENDING} ] && systemctl is-active -q unbound")
    assert sites.heads() == before
    assert sites.document("apply", first, second)[0] == 0
    assert sites.run("plan", first, second)[0] == 0


def test_a_machine_of_two_sites_is_refused_whatever_its_address_is(sites: Sites) -> None:
    before = sites.heads()
    # The file of `three` has another address of the machine that `two` has.
    for verb in ("plan", "apply", "verify", "status"):
        code, out, errors = sites.run(verb, *sites.changed("14M"), sites.file("three"))
        assert (code, out) == (5, "")
        assert errors.count("one machine belongs to two sites") == 1
        assert "two.example/mail: one machine" in errors
        assert "the same machine as three.example/mail" in errors
    assert sites.heads() == before


def test_a_machine_that_is_two_hosts_of_one_site_is_refused_as_well(sites: Sites) -> None:
    text = sites.file("two").read_text(encoding="utf-8")
    address = sites.host("two").address
    (other,) = [
        line.split("address: ")[1].rstrip("}")
        for line in sites.file("three").read_text(encoding="utf-8").splitlines()
        if "address: " in line
    ]
    twice = sites.file("two").with_name("twice.yaml")
    roles = "roles: [mx, submission, store]"
    twice.write_text(
        text.replace(
            f"mail: {{address: {address}}}",
            f"mail: {{address: {address}, {roles}}}\n  ns: {{address: {other}, roles: [dns]}}",
        ),
        encoding="utf-8",
    )
    code, _, errors = sites.run("plan", twice)
    assert code == 5, errors
    assert "one machine belongs to the site twice" in errors


def test_one_invalid_file_ends_the_command_before_any_connection(sites: Sites) -> None:
    broken = sites.file("one").with_name("broken.yaml")
    broken.write_text("domain: example\n", encoding="utf-8")
    code, out, errors = sites.run("apply", sites.file("two"), broken)
    assert (code, out) == (3, "")
    assert f"{broken}:1:9: domain" in errors
    assert "observing" not in errors
