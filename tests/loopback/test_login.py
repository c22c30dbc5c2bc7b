"""Logging in to real servers: keys, agents, and what is said when it fails."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from provisioner.diagnostics import ExitCode, MailprovError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.loopback.conftest import Client, Sshd, StartSshd


def refusal(client: Client, sshd: Sshd, **access: object) -> str:
    client.trust(sshd)
    with pytest.raises(MailprovError) as caught:
        client.open(sshd, **access)
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    return str(caught.value)


def keygen(path: Path, *args: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-f", str(path), *args], check=True, timeout=20
    )
    return path


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Path]:
    """Return the socket of an ssh-agent of its own."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    for _ in range(250):
        with suppress(OSError), closing(socket.socket(socket.AF_UNIX)) as probe:
            probe.connect(str(path))
            break
        time.sleep(0.02)
    else:
        pytest.fail("ssh-agent did not start")
    yield path
    process.terminate()
    process.wait()


def add(agent: Path, key: Path, passphrase: str = "") -> None:
    helper = agent.with_name("askpass")
    helper.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    helper.chmod(0o700)
    subprocess.run(
        ["ssh-add", "-q", str(key)],
        check=True,
        env={
            **os.environ,
            "SSH_AUTH_SOCK": str(agent),
            "SSH_ASKPASS": str(helper),
            "SSH_ASKPASS_REQUIRE": "force",
        },
    )


def test_a_default_key_logs_in(client: Client, sshd: Sshd) -> None:
    client.trust(sshd)
    transport = client.open(sshd)
    assert transport.run("id -u", timeout=5).stdout.decode().strip() == str(os.getuid())
    transport.close()


def test_the_key_of_the_site_file_logs_in(client: Client, sshd: Sshd, tmp_path: Path) -> None:
    client.trust(sshd)
    elsewhere = client.key.rename(tmp_path / "elsewhere")
    client.open(sshd, key=str(elsewhere)).close()


def test_an_identity_of_ssh_config_logs_in(client: Client, sshd: Sshd, tmp_path: Path) -> None:
    client.trust(sshd)
    client.key.rename(tmp_path / "elsewhere")
    client.configure(f"Host 127.0.0.*\n IdentityFile {tmp_path}/elsewhere\n IdentitiesOnly yes\n")
    client.open(sshd).close()


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_log_in(client: Client, start_sshd: StartSshd, kind: str) -> None:
    key = client.key.with_name(f"id_{kind}")
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(key)], check=True)
    sshd = start_sshd()
    sshd.authorized.write_text(key.with_name(key.name + ".pub").read_text())
    client.key.unlink()
    client.trust(sshd)
    client.open(sshd).close()


def test_a_wrong_key_is_told_with_what_was_tried(
    client: Client, sshd: Sshd, tmp_path: Path
) -> None:
    wrong = keygen(tmp_path / "wrong", "-N", "")
    text = refusal(client, sshd, key=str(wrong))
    assert f"tried key {wrong}" in text
    assert "sshd offers: publickey" in text
    assert "id_ed25519" not in text


def test_no_key_at_all_is_told(client: Client, sshd: Sshd) -> None:
    client.key.unlink()
    assert "there is no key and no password" in refusal(client, sshd)


def test_a_missing_key_file_is_told(client: Client, sshd: Sshd) -> None:
    text = refusal(client, sshd, key="/nonexistent/key")
    assert "key file /nonexistent/key cannot be read" in text


def test_a_broken_key_file_is_told(client: Client, sshd: Sshd, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END\n")
    assert "not a private key that can be read" in refusal(client, sshd, key=str(broken))


@pytest.mark.parametrize("form", [(), ("-m", "PEM"), ("-m", "PKCS8")])
def test_an_encrypted_key_is_told_with_the_way_to_use_it(
    client: Client, sshd: Sshd, tmp_path: Path, form: tuple[str, ...]
) -> None:
    key = tmp_path / "locked"
    kind = "ed25519" if not form else "ecdsa"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", kind, "-N", "open sesame", "-f", str(key), *form], check=True
    )
    assert f"encrypted: run `ssh-add {key}` first" in refusal(client, sshd, key=str(key))


def test_an_encrypted_key_logs_in_through_the_agent(
    client: Client, start_sshd: StartSshd, agent: Path, tmp_path: Path
) -> None:
    key = keygen(tmp_path / "locked", "-N", "open sesame")
    sshd = start_sshd()
    sshd.authorized.write_text(key.with_name("locked.pub").read_text())
    client.trust(sshd)
    add(agent, key, "open sesame")
    with_agent = client.with_options(agent_socket=str(agent))
    key.with_name("locked.pub").unlink()
    with_agent.open(sshd, key=str(key)).close()


def test_a_public_key_file_chooses_from_the_agent(
    client: Client, sshd: Sshd, agent: Path, tmp_path: Path
) -> None:
    client.trust(sshd)
    add(agent, client.key)
    client.key.unlink()
    chosen = client.key.with_name("id_ed25519.pub").rename(tmp_path / "chosen.pub")
    client.with_options(agent_socket=str(agent)).open(sshd, key=str(chosen)).close()


def test_the_agents_keys_log_in(client: Client, sshd: Sshd, agent: Path) -> None:
    client.trust(sshd)
    add(agent, client.key)
    client.key.unlink()
    client.with_options(agent_socket=str(agent)).open(sshd).close()


def test_an_agent_that_ssh_config_names_is_used(client: Client, sshd: Sshd, agent: Path) -> None:
    client.trust(sshd)
    add(agent, client.key)
    client.key.unlink()
    client.configure(f"IdentityAgent {agent}\n")
    client.open(sshd).close()


def test_a_dead_agent_does_not_keep_a_key_file_from_logging_in(
    client: Client, sshd: Sshd, tmp_path: Path
) -> None:
    client.trust(sshd)
    client.with_options(agent_socket=str(tmp_path / "nobody")).open(sshd).close()


def test_too_many_keys_are_told(client: Client, sshd: Sshd, agent: Path, tmp_path: Path) -> None:
    for number in range(8):
        add(agent, keygen(tmp_path / f"key{number}", "-N", ""))
    text = refusal(client.with_options(agent_socket=str(agent)), sshd)
    assert "sshd closed the connection during the login after 6 attempts" in text
    assert "IdentitiesOnly" in text


def test_identities_only_keeps_other_agent_keys_out(
    client: Client, sshd: Sshd, agent: Path, tmp_path: Path
) -> None:
    for number in range(8):
        add(agent, keygen(tmp_path / f"key{number}", "-N", ""))
    client.trust(sshd)
    client.configure(f"IdentityFile {client.key}\nIdentitiesOnly yes\n")
    client.with_options(agent_socket=str(agent)).open(sshd).close()


def test_a_second_factor_that_is_missing_is_told(client: Client, start_sshd: StartSshd) -> None:
    sshd = start_sshd(extra="PasswordAuthentication yes\nAuthenticationMethods publickey,password")
    text = refusal(client, sshd)
    assert "accepted, but sshd requires a second method" in text
    assert "sshd offers: password" in text
