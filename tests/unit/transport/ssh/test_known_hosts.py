"""The judgement over host keys, without any server."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.transport.ssh.known_hosts import (
    HostPublicKey,
    KeyVerdict,
    judge_host_key,
    known_name,
    known_types,
    parse_known_hosts,
)

FILE = Path("known_hosts")
KEY = HostPublicKey("ssh-ed25519", b"one")
OTHER = HostPublicKey("ssh-ed25519", b"two")
RSA = HostPublicKey("ssh-rsa", b"three")


def verdict(text: str, key: HostPublicKey = KEY, *names: str) -> KeyVerdict:
    return judge_host_key(parse_known_hosts(text, FILE), names or ("mail",), key).verdict


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("", KeyVerdict.UNKNOWN),
        (KEY.line("mail"), KeyVerdict.KNOWN),
        (KEY.line("ns,mail"), KeyVerdict.KNOWN),
        (KEY.line("MAIL"), KeyVerdict.KNOWN),
        (KEY.line("m*"), KeyVerdict.KNOWN),
        (KEY.line("m*,!mail"), KeyVerdict.UNKNOWN),
        (KEY.line("[mail]:2222"), KeyVerdict.UNKNOWN),
        (KEY.line("ns"), KeyVerdict.UNKNOWN),
        (OTHER.line("mail"), KeyVerdict.CHANGED),
        (RSA.line("mail"), KeyVerdict.CHANGED),
        (OTHER.line("mail") + "\n" + KEY.line("mail"), KeyVerdict.KNOWN),
        (KEY.line("mail") + "\n@revoked " + KEY.line("*"), KeyVerdict.REVOKED),
        (KEY.line("mail") + "\n@revoked " + OTHER.line("*"), KeyVerdict.KNOWN),
        ("@revoked " + OTHER.line("mail"), KeyVerdict.UNKNOWN),
        ("@cert-authority " + KEY.line("mail"), KeyVerdict.UNKNOWN),
        ("# " + KEY.line("mail"), KeyVerdict.UNKNOWN),
        ("mail ssh-ed25519", KeyVerdict.UNKNOWN),
        ("mail ssh-ed25519 not-base64!", KeyVerdict.UNKNOWN),
        (KEY.line("|1|bad|hash"), KeyVerdict.UNKNOWN),
        (KEY.line("|1|"), KeyVerdict.UNKNOWN),
    ],
)
def test_known_hosts_decide(text: str, want: KeyVerdict) -> None:
    assert verdict(text) is want


def test_a_key_known_for_another_name_of_the_host_is_known() -> None:
    assert verdict(KEY.line("mail.example.org"), KEY, "192.0.2.1", "mail.example.org") is (
        KeyVerdict.KNOWN
    )


def test_another_key_for_another_name_of_the_host_is_a_change() -> None:
    assert verdict(OTHER.line("mail.example.org"), KEY, "192.0.2.1", "mail.example.org") is (
        KeyVerdict.CHANGED
    )


def test_the_judgement_names_file_and_line() -> None:
    entries = parse_known_hosts("\n" + OTHER.line("mail"), FILE)
    judgement = judge_host_key(entries, ("mail",), KEY)
    assert [(entry.file, entry.line) for entry in judgement.entries] == [(FILE, 2)]


def test_known_types_are_those_of_plain_entries() -> None:
    text = "\n".join([RSA.line("mail"), KEY.line("mail"), "@revoked " + OTHER.line("mail")])
    assert known_types(parse_known_hosts(text, FILE), ("mail",)) == ("ssh-rsa", "ssh-ed25519")


@pytest.mark.parametrize(
    ("host", "port", "want"),
    [
        ("mail", 22, "mail"),
        ("mail", 2222, "[mail]:2222"),
        ("2001:db8::1", 22, "2001:db8::1"),
        ("2001:db8::1", 2222, "[2001:db8::1]:2222"),
    ],
)
def test_other_ports_are_written_in_brackets(host: str, port: int, want: str) -> None:
    assert known_name(host, port) == want


@given(st.binary())
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    parse_known_hosts(data.decode("utf-8", "replace"), FILE)


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="not installed: ssh-keygen")
def test_fingerprint_and_hash_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    kind, blob = key.with_name("key.pub").read_text().split()[:2]
    public = HostPublicKey(kind, base64.b64decode(blob))
    listed = subprocess.run(
        ["ssh-keygen", "-lf", str(key)], check=True, capture_output=True, text=True
    ).stdout
    assert public.fingerprint == listed.split()[1]

    hosts = tmp_path / "known_hosts"
    hosts.write_text(public.line("[mail.example.org]:2222") + "\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(hosts)], check=True, capture_output=True)
    text = hosts.read_text()
    assert "mail" not in text
    assert verdict(text, public, "[mail.example.org]:2222") is KeyVerdict.KNOWN
    assert verdict(text, public, "mail.example.org") is KeyVerdict.UNKNOWN
