"""Host keys against real servers: strangers, impostors, and what gets remembered."""

from __future__ import annotations

import shlex
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from provisioner.diagnostics import ExitCode, MailprovError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.loopback.conftest import Client, Sshd, StartSshd


def fingerprint(key: Path) -> str:
    done = subprocess.run(
        ["ssh-keygen", "-lf", str(key) + ".pub"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()[1]


def entry_of(name: str, key: Path) -> str:
    kind, blob = key.with_name(key.name + ".pub").read_text().split()[:2]
    return f"{name} {kind} {blob}\n"


def refusal(client: Client, sshd: Sshd) -> MailprovError:
    with pytest.raises(MailprovError) as caught:
        client.open(sshd)
    assert caught.value.exit_code == ExitCode.UNREACHABLE
    return caught.value


def test_an_unknown_key_is_refused_with_its_fingerprint_and_the_way_out(
    client: Client, sshd: Sshd
) -> None:
    text = str(refusal(client, sshd))
    assert fingerprint(sshd.keys["ed25519"]) in text
    assert f"ssh-keyscan -t ed25519 -p {sshd.port} 127.0.0.1" in text
    assert "--accept-new-host-keys" in text
    assert not client.options.known_hosts.exists()


def test_the_command_in_the_refusal_makes_the_key_known(client: Client, sshd: Sshd) -> None:
    fix = refusal(client, sshd).diagnostics[0].fix
    command = next(part for part in fix.split("`") if part.startswith("ssh-keyscan"))
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    client.open(sshd).close()


def test_a_new_key_is_remembered_where_that_is_wanted(client: Client, sshd: Sshd) -> None:
    accepting = client.with_options(accept_new_host_keys=True)
    accepting.open(sshd).close()
    accepting.open(sshd).close()
    known = client.options.known_hosts
    assert known.read_text() == entry_of(f"[127.0.0.1]:{sshd.port}", sshd.keys["ed25519"])
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    client.open(sshd).close()


def test_the_folder_of_a_new_known_hosts_is_private(
    client: Client, sshd: Sshd, tmp_path: Path
) -> None:
    known = tmp_path / "fresh" / ".ssh" / "known_hosts"
    client.with_options(accept_new_host_keys=True, known_hosts=known).open(sshd).close()
    assert stat.S_IMODE(known.parent.stat().st_mode) == 0o700


def test_openssh_reads_what_was_remembered(client: Client, sshd: Sshd) -> None:
    client.append_known("other.example ssh-ed25519 AAAA")  # no newline at its end
    client.with_options(accept_new_host_keys=True).open(sshd).close()
    name = f"[127.0.0.1]:{sshd.port}"
    done = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(client.options.known_hosts)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert name in done.stdout


@pytest.mark.parametrize("accept", [False, True])
def test_a_changed_key_is_refused_always(
    client: Client, sshd: Sshd, start_sshd: StartSshd, *, accept: bool
) -> None:
    client.append_known(entry_of(f"[127.0.0.1]:{sshd.port}", start_sshd().keys["ed25519"]))
    before = client.options.known_hosts.read_text()
    text = str(refusal(client.with_options(accept_new_host_keys=accept), sshd))
    assert "has changed" in text
    assert fingerprint(sshd.keys["ed25519"]) in text
    assert client.options.known_hosts.read_text() == before


def test_the_command_in_that_refusal_forgets_the_old_key(
    client: Client, sshd: Sshd, start_sshd: StartSshd
) -> None:
    client.append_known(entry_of(f"[127.0.0.1]:{sshd.port}", start_sshd().keys["ed25519"]))
    fix = refusal(client, sshd).diagnostics[0].fix
    command = next(part for part in fix.split("`") if part.startswith("ssh-keygen -f"))
    subprocess.run(shlex.split(command), check=True, capture_output=True)
    assert "is unknown" in str(refusal(client, sshd))


def test_a_known_key_of_another_type_is_asked_for_first(client: Client, sshd: Sshd) -> None:
    client.trust(sshd, "rsa")
    client.open(sshd).close()


def test_another_type_instead_of_the_known_one_is_a_change(
    client: Client, sshd: Sshd, start_sshd: StartSshd
) -> None:
    other = start_sshd(("ecdsa",))
    client.append_known(entry_of(f"[127.0.0.1]:{other.port}", sshd.keys["ed25519"]))
    assert "has changed" in str(refusal(client.with_options(accept_new_host_keys=True), other))


def test_a_hashed_entry_counts(client: Client, sshd: Sshd) -> None:
    client.trust(sshd)
    subprocess.run(
        ["ssh-keygen", "-H", "-f", str(client.options.known_hosts)], check=True, capture_output=True
    )
    assert client.options.known_hosts.read_text().startswith("|1|")
    client.open(sshd).close()


def test_a_changed_hashed_entry_counts(client: Client, sshd: Sshd, start_sshd: StartSshd) -> None:
    client.append_known(entry_of(f"[127.0.0.1]:{sshd.port}", start_sshd().keys["ed25519"]))
    subprocess.run(
        ["ssh-keygen", "-H", "-f", str(client.options.known_hosts)], check=True, capture_output=True
    )
    assert "has changed" in str(refusal(client, sshd))


def test_a_revoked_key_is_refused_though_it_is_known(client: Client, sshd: Sshd) -> None:
    client.trust(sshd)
    client.append_known("@revoked " + entry_of("*", sshd.keys["ed25519"]))
    assert "revoked" in str(refusal(client.with_options(accept_new_host_keys=True), sshd))


def test_a_key_known_under_the_full_name_counts(client: Client, sshd: Sshd) -> None:
    client.append_known(entry_of(f"[mail.example.org]:{sshd.port}", sshd.keys["ed25519"]))
    client.open(sshd).close()


def test_an_alias_replaces_the_name(client: Client, sshd: Sshd) -> None:
    client.configure("Host mail\n HostKeyAlias my-mail\n")
    client.append_known(entry_of("my-mail", sshd.keys["ed25519"]))
    client.open(sshd).close()


def test_known_hosts_files_of_ssh_config_are_read(
    client: Client, sshd: Sshd, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(entry_of(f"[127.0.0.1]:{sshd.port}", sshd.keys["ed25519"]))
    client.configure(f"UserKnownHostsFile {elsewhere}\n")
    client.open(sshd).close()
