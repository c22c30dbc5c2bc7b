"""Which commands take a site whose mail roles are on several hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.cli.main import run

SPLIT = """\
domain: example.org
hosts:
  mx: {address: 192.0.2.1, roles: [dns, mx]}
  mail: {address: 192.0.2.2, roles: [submission, store]}
users: {alice: {password: {env: NEVER_READ}}, bob: {password: {env: NEVER_READ}}}
"""
WITH_HOSTS = {
    "plan": ["plan", "FILE"],
    "apply": ["apply", "FILE"],
    "verify": ["verify", "FILE"],
    "status": ["status", "FILE"],
    "history": ["history", "FILE"],
    "diagnose": ["diagnose", "FILE"],
    "rollback": ["rollback", "FILE"],
    "destroy": ["destroy", "FILE"],
    "send": ["send", "FILE", "--from", "alice@example.org", "--to", "bob@example.org"],
    "user remove": ["user", "remove", "bob", "FILE", "--delete-mail"],
}


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SPLIT)
    return path


@pytest.mark.parametrize("verb", WITH_HOSTS)
def test_what_connects_to_hosts_refuses_split_mail_roles_before_a_secret_is_read(
    verb: str, site_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(site_file) if word == "FILE" else word for word in WITH_HOSTS[verb]]
    assert run(arguments) == 5
    told = capsys.readouterr().err
    assert f"{site_file}: hosts: mail roles on several hosts are not supported yet" in told
    assert "got:  mx: dns, mx; mail: submission, store\n" in told
    assert "fix:  give all three roles to mx and none of them to mail" in told
    assert site_file.read_text() == SPLIT


def test_validate_and_render_take_split_mail_roles(site_file: Path, tmp_path: Path) -> None:
    assert run(["validate", str(site_file)]) == 0
    assert run(["render", str(site_file), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out/mx/etc/postfix/main.cf").is_file()
