"""The host key check: refuse strangers and impostors, remember new hosts where that is wanted."""

from __future__ import annotations

import os
import shlex
import threading
from pathlib import Path

from provisioner.diagnostics import MailprovError
from provisioner.transport.failures import unreachable
from provisioner.transport.options import SshOptions
from provisioner.transport.ssh.endpoint import SshEndpoint
from provisioner.transport.ssh.known_hosts import (
    HostPublicKey,
    Judgement,
    KeyVerdict,
    KnownHost,
    judge_host_key,
    known_types,
    parse_known_hosts,
)

_APPENDING = threading.Lock()
_SHORT_TYPES = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa", "ssh-dss": "dsa", "ecdsa": "ecdsa"}


class HostKeyCheck:
    """The check of one endpoint's key against the known_hosts files of user and system."""

    def __init__(self, endpoint: SshEndpoint, options: SshOptions) -> None:
        self._endpoint = endpoint
        self._options = options

    def preferred_types(self) -> tuple[str, ...]:
        """Return the key types to ask for first, so that a known key is not missed."""
        return known_types(self._read(), self._endpoint.names)

    def admit(self, key: HostPublicKey) -> None:
        """Return if the key may be trusted, remembering it if new ones are; else MailprovError."""
        with _APPENDING:
            judgement = judge_host_key(self._read(), self._endpoint.names, key)
            if judgement.verdict is KeyVerdict.KNOWN:
                return
            if judgement.verdict is KeyVerdict.UNKNOWN and self._options.accept_new_host_keys:
                for file in self._endpoint.known_hosts[:1]:
                    append_known_host(file, key.line(self._endpoint.names[0]))
                return
        file = next(iter(self._endpoint.known_hosts), self._options.known_hosts)
        raise explain_host_key(judgement, key, self._endpoint, file)

    def _read(self) -> tuple[KnownHost, ...]:
        files = (*self._endpoint.known_hosts, *self._endpoint.system_known_hosts)
        return tuple(entry for file in files for entry in _read_known_hosts(file))


def _read_known_hosts(file: Path) -> tuple[KnownHost, ...]:
    try:
        return parse_known_hosts(file.read_text("utf-8", "replace"), file)
    except FileNotFoundError:
        return ()
    except OSError as problem:
        raise unreachable(
            str(file),
            "the file of known host keys cannot be read",
            got=problem.strerror or str(problem),
            fix=f"let this user read {file}",
        ) from problem


def append_known_host(file: Path, line: str) -> None:
    """Add a line to a known_hosts file, creating it (0600) and its folder (0700)."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(file, "a+b", opener=_private) as stream:
            stream.seek(0)
            held = stream.read()
            missing = b"\n" if held and not held.endswith(b"\n") else b""
            stream.write(missing + line.encode() + b"\n")
    except OSError as problem:
        raise unreachable(
            str(file),
            "the new host key cannot be saved",
            got=problem.strerror or str(problem),
            fix=f"let this user write {file}",
        ) from problem


def explain_host_key(
    judgement: Judgement, key: HostPublicKey, endpoint: SshEndpoint, file: Path
) -> MailprovError:
    """Return the error for a key that was not admitted; file: where it could be made known."""
    shown = f"{key.type} {key.fingerprint}"
    if judgement.verdict is KeyVerdict.UNKNOWN:
        return _unknown(judgement, key, endpoint, file)
    entries = "\n".join(
        f"{entry.key.type} {entry.key.fingerprint} ({entry.file}:{entry.line})"
        for entry in judgement.entries
    )
    if judgement.verdict is KeyVerdict.REVOKED:
        return unreachable(
            endpoint.where,
            "the host key is revoked",
            got=shown,
            want=f"a key that is not marked @revoked: {entries}",
            fix="find out why it was revoked; if the host is still yours, give it a new key",
        )
    removals = dict.fromkeys(
        f"ssh-keygen -f {shlex.quote(str(entry.file))} -R {shlex.quote(name)}"
        for entry in judgement.entries
        for name in endpoint.names
        if entry.is_for((name,))
    )
    return unreachable(
        endpoint.where,
        "the host key has changed: this may be another machine or an attack",
        got=shown,
        want=entries,
        fix=f"compare {key.fingerprint} with `{_console_command(key)}` on the host's "
        "console; only if they match: `" + "; ".join(removals) + "`, then run the command again",
    )


def _unknown(
    judgement: Judgement, key: HostPublicKey, endpoint: SshEndpoint, file: Path
) -> MailprovError:
    name, address = endpoint.names[0], endpoint.addresses[0]
    if endpoint.via is None and endpoint.proxy_command is None and address in name:
        scan = f"ssh-keyscan -t {_short_type(key)} -p {endpoint.port} {shlex.quote(address)}"
    else:
        # ssh-keyscan knows no jump hosts, and would write another name than an alias.
        scan = f"echo {shlex.quote(key.line(name))}"
    authority = (
        " (known_hosts names a certificate authority for it, which mailprov does not support)"
    )
    return unreachable(
        endpoint.where,
        "the host key is unknown" + (authority if judgement.entries else ""),
        got=f"{key.type} {key.fingerprint}",
        want=f"a key of {name} in {file}",
        fix=f"compare {key.fingerprint} with `{_console_command(key)}` on the host's "
        f"console; if they match: `{scan} >> {shlex.quote(str(file))}`, or run the "
        "command again with --accept-new-host-keys",
    )


def _console_command(key: HostPublicKey) -> str:
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{_short_type(key)}_key.pub"


def _short_type(key: HostPublicKey) -> str:
    """Return what ssh-keygen(1) calls a type of key in a file's name; KeyError for none it has."""
    kind = "ecdsa" if key.type.startswith("ecdsa-sha2-") else key.type
    return _SHORT_TYPES[kind]


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
