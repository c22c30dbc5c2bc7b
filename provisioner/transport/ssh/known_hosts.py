"""Known host keys: the known_hosts format of sshd(8), and the judgement over a key.

Pure. A key is known when an entry for one of the host's names holds it; changed when
entries for its names hold only others, of whatever type, because the known type is
asked for first; revoked when a `@revoked` entry holds it. Certificate authorities
(`@cert-authority`) are not followed, and a host known only through one is unknown.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

from provisioner.transport.ssh.client_config import matches_any


class KeyVerdict(Enum):
    """What known_hosts says of a key."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class HostPublicKey:
    """A public key: its type as on the wire, like `ssh-ed25519`, and its blob (RFC 4253, 6.6)."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """`SHA256:…` as ssh-keygen -l prints it."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def line(self, name: str) -> str:
        """Return the known_hosts line for a host of that name."""
        return f"{name} {self.type} {base64.b64encode(self.blob).decode()}"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of a known_hosts file. marker: empty, `revoked` or `cert-authority`."""

    marker: str
    patterns: tuple[str, ...]
    key: HostPublicKey
    file: Path
    line: int

    def is_for(self, names: Iterable[str]) -> bool:
        """Return whether the line speaks of one of the names."""
        if len(self.patterns) == 1 and self.patterns[0].startswith("|1|"):
            return any(_hashes_to(self.patterns[0], name.lower()) for name in names)
        return matches_any(self.patterns, names)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with the entries that led to it."""

    verdict: KeyVerdict
    entries: tuple[KnownHost, ...] = ()


def known_name(host: str, port: int) -> str:
    """Return how known_hosts writes a host: bare on port 22, else `[host]:port`."""
    return host if port == 22 else f"[{host}]:{port}"  # noqa: PLR2004 - the port of ssh, RFC 4250


@lru_cache(maxsize=8)
def parse_known_hosts(text: str, file: Path) -> tuple[KnownHost, ...]:
    """Return the entries of a file; lines that are none are skipped, as ssh does.

    The last ones are remembered: each host of a site asks twice for the same text.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0)[1:] if fields[0].startswith("@") else ""
        if len(fields) < 3:  # noqa: PLR2004 - names, type, key: sshd(8)
            continue
        try:
            blob = base64.b64decode(fields[2], validate=True)
        except ValueError:
            continue
        key = HostPublicKey(fields[1], blob)
        entries.append(KnownHost(marker, tuple(fields[0].split(",")), key, file, number))
    return tuple(entries)


def known_types(entries: Iterable[KnownHost], names: Iterable[str]) -> tuple[str, ...]:
    """Return the key types known for a host, so that they can be asked for first."""
    names = tuple(names)
    types = [entry.key.type for entry in entries if not entry.marker and entry.is_for(names)]
    return tuple(dict.fromkeys(types))


def judge_host_key(
    entries: Iterable[KnownHost], names: Iterable[str], key: HostPublicKey
) -> Judgement:
    """Return what the entries say of a key that a host with these names presented."""
    names = tuple(names)
    ours = tuple(entry for entry in entries if entry.is_for(names))
    revoked = tuple(e for e in ours if e.marker == "revoked" and e.key.blob == key.blob)
    if revoked:
        return Judgement(KeyVerdict.REVOKED, revoked)
    plain = tuple(entry for entry in ours if not entry.marker)
    same = tuple(entry for entry in plain if entry.key == key)
    if same:
        return Judgement(KeyVerdict.KNOWN, same)
    if plain:
        return Judgement(KeyVerdict.CHANGED, plain)
    return Judgement(KeyVerdict.UNKNOWN, tuple(e for e in ours if e.marker == "cert-authority"))


def _hashes_to(pattern: str, name: str) -> bool:
    """Return whether `|1|salt|hash` is the HMAC-SHA1 of the name (sshd(8), HashKnownHosts)."""
    _, _, salt, digest = (*pattern.split("|"), "", "")[:4]
    try:
        want = base64.b64decode(digest, validate=True)
        got = hmac.new(base64.b64decode(salt, validate=True), name.encode(), hashlib.sha1).digest()
    except ValueError:
        return False
    return hmac.compare_digest(got, want)
