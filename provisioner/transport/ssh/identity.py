"""The keys a user can prove to hold: files, and an agent (ssh-agent(1)).

An encrypted key file is used through the agent when the agent holds it; nothing here
asks for a passphrase.
"""

from __future__ import annotations

import base64
import shlex
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.agent import AgentSSH
from paramiko.pkey import UnknownKeyType

from provisioner.transport.failures import unreachable
from provisioner.transport.ssh.endpoint import SshEndpoint

_OPENSSH_MAGIC = b"openssh-key-v1\0"
_AGENT_LIMIT = 15.0
"""Seconds for the agent to answer: it may wait for a person to confirm (ssh-add -c)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A key to try, or the reason why it cannot be tried."""

    name: str
    key: paramiko.PKey | None
    obstacle: str = ""


class Agent(AgentSSH):
    """The keys of the agent that listens on a socket; none where there is no agent."""

    def __init__(self, path: str | None) -> None:
        super().__init__()
        self._socket: socket.socket | None = None
        if path is None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_AGENT_LIMIT)
        try:
            self._socket.connect(path)
            self._connect(self._socket)  # type: ignore[attr-defined] # its stubs leave it out
        except (OSError, paramiko.SSHException):
            self.close()

    def close(self) -> None:
        """Leave the agent."""
        if self._socket is not None:
            self._socket.close()


def find_identities(endpoint: SshEndpoint, agent: Agent) -> Iterator[Identity]:
    """Yield the keys to try in order, each once.

    A key that the site file names is the only one. Otherwise, as ssh does: configured
    or default files whose key the agent holds, the agent's other keys, files.
    """
    held = {key.asbytes(): key for key in agent.get_keys()}
    offered: set[bytes] = set()
    files = [_read_identity(path, held, endpoint) for path in endpoint.identities]
    found = [identity for identity in files if identity is not None]
    from_agent = [i for i in found if isinstance(i.key, paramiko.AgentKey)]
    others = (
        []
        if endpoint.only_identities
        else [Identity(f"agent key {key.comment or key.get_name()}", key) for key in held.values()]
    )
    rest = [identity for identity in found if identity not in from_agent]
    for identity in (*from_agent, *others, *rest):
        if identity.key is None:
            yield identity
        elif identity.key.asbytes() not in offered:
            offered.add(identity.key.asbytes())
            yield identity


def _read_identity(
    path: Path, held: dict[bytes, paramiko.AgentKey], endpoint: SshEndpoint
) -> Identity | None:
    """Return the key of a file, from the agent if that holds it; None if there is no such file."""
    try:
        text = path.read_bytes()
    except FileNotFoundError as missing:
        if endpoint.explicit_key:
            raise _no_such_key(path, endpoint, "no such file") from missing
        return None
    except OSError as problem:
        if endpoint.explicit_key:
            raise _no_such_key(path, endpoint, problem.strerror or str(problem)) from problem
        return Identity(f"key {path}", None, problem.strerror or str(problem))
    for blob in (_public_part(text), _public_part(_sibling(path))):
        if blob in held:
            return Identity(f"key {path} from the agent", held[blob])
    if text.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        return Identity(f"key {path}", None, "a public key, and the agent does not hold it")
    return _load(path, text)


def _load(path: Path, text: bytes) -> Identity:
    if _is_encrypted(text):
        add = f"ssh-add {shlex.quote(str(path))}"
        return Identity(f"key {path}", None, f"encrypted: run `{add}` first")
    try:
        return Identity(f"key {path}", paramiko.PKey.from_path(path))
    except (paramiko.SSHException, UnknownKeyType, ValueError, TypeError, OSError):
        return Identity(f"key {path}", None, "not a private key that can be read")


def _no_such_key(path: Path, endpoint: SshEndpoint, problem: str) -> Exception:
    return unreachable(
        endpoint.where,
        f"the key file {path} cannot be read",
        got=problem,
        want="a private key of OpenSSH",
        fix="correct hosts.K.ssh.key in the site file",
    )


def _sibling(path: Path) -> bytes:
    try:
        return path.with_name(path.name + ".pub").read_bytes()
    except OSError:
        return b""


def _public_part(text: bytes) -> bytes | None:
    """Return the public key blob of a public key line, or of an OpenSSH private key."""
    body = _openssh_body(text)
    if body is not None:
        reader = paramiko.Message(body)
        for _ in range(3):  # cipher, key derivation, its options (OpenSSH's PROTOCOL.key)
            reader.get_string()
        reader.get_int()
        return reader.get_string()
    fields = text.split()
    if len(fields) > 1 and not text.startswith(b"-----"):
        try:
            return base64.b64decode(fields[1], validate=True)
        except ValueError:
            return None
    return None


def _is_encrypted(text: bytes) -> bool:
    body = _openssh_body(text)
    if body is not None:
        return paramiko.Message(body).get_string() != b"none"
    return b"BEGIN ENCRYPTED PRIVATE KEY" in text or b"Proc-Type: 4,ENCRYPTED" in text


def _openssh_body(text: bytes) -> bytes | None:
    if not text.startswith(b"-----BEGIN OPENSSH PRIVATE KEY-----"):
        return None
    try:
        data = base64.b64decode(b"".join(text.split(b"\n")[1:]).partition(b"-----")[0])
    except ValueError:
        return None
    return data.removeprefix(_OPENSSH_MAGIC) if data.startswith(_OPENSSH_MAGIC) else None
