"""Referenced passwords are hashed once and recognised after that.

A hash has a random salt and is slow by design, so that hashing again would both cost
and look like a change. The host therefore remembers, beside each hash, a tag: a fast
digest of the password, keyed with a secret that never leaves the controller. A thief of
the host's files gains nothing from it; a lost key costs one slow comparison a user.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bcrypt

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash
from provisioner.site.references import others_can_read

BCRYPT_OCTETS = 72
"""bcrypt reads no further; two passwords that differ behind would be one."""

BCRYPT_COST = 11
"""Sixty guesses at once are three seconds of two processors; each step more doubles that
(docs/decisions/0035)."""

_KEY_OCTETS = 32


def bcrypt_digest(password: str) -> str:
    """Return a password's bcrypt digest, `$2b$…`, with a random salt."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST)).decode("ascii")


def key_path(environment: Mapping[str, str]) -> Path:
    """Return where the controller's key is (XDG Base Directory Specification)."""
    configured = environment.get("XDG_CONFIG_HOME", "")
    home = Path(environment.get("HOME") or Path.home())
    base = Path(configured) if configured.startswith("/") else home / ".config"
    return base / "mailprov" / "key"


def obtain_key(path: Path) -> bytes:
    """Return the controller's key, made (mode 0600) where there is none yet.

    Raises MailprovError if the file cannot be made, is no key, or others can read it.
    """
    try:
        if not path.exists():
            _make_key(path)
        text = path.read_text(encoding="ascii").strip()
        if others_can_read(path):
            raise _unusable(path, "others can read it", f"chmod 600 {path}")
        key = bytes.fromhex(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _unusable(path, reason, "make the folder writable, or set XDG_CONFIG_HOME") from error
    except ValueError as error:
        raise _unusable(
            path, "not hexadecimal", "remove the file; mailprov makes a new key"
        ) from error
    if len(key) != _KEY_OCTETS:
        raise _unusable(path, f"{len(key)} bytes", "remove the file; mailprov makes a new key")
    return key


def tag(key: bytes, owner: str, secret: str) -> str:
    """Return the keyed digest (HMAC-SHA256, hexadecimal) of a secret, another for each owner.

    owner: a user's address, or what no address looks like.
    """
    message = f"{owner}\0{secret}".encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def settle_passwords(
    referenced: Mapping[MailAddress, str],
    known: Mapping[MailAddress, KnownCredential],
    key: bytes,
) -> dict[MailAddress, KnownCredential]:
    """Return what the host shall remember of referenced passwords.

    referenced: what the references led to, cleartext (at most 72 octets) or a valid
    `{SCHEME}hash`, which is used as it is. An unchanged password keeps its hash; a
    changed one gets a new hash, whose salt is random. Users that are not referenced any
    more are left out.
    """

    def settled(item: tuple[MailAddress, str]) -> tuple[MailAddress, KnownCredential]:
        address, value = item
        return address, _settle(tag(key, address, value), value, known.get(address))

    slow = len(referenced) > 1
    if not slow:
        return dict(map(settled, referenced.items()))
    # bcrypt releases the interpreter's lock while it works.
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return dict(pool.map(settled, referenced.items()))


def _settle(new_tag: str, value: str, known: KnownCredential | None) -> KnownCredential:
    if isinstance(value, PasswordHash):
        return KnownCredential(new_tag, value)
    if known is not None:
        if hmac.compare_digest(new_tag, known.tag):
            return known
        if _matches(value, known.hash):
            return KnownCredential(new_tag, known.hash)
    return KnownCredential(new_tag, PasswordHash.parse(f"{{BLF-CRYPT}}{bcrypt_digest(value)}"))


def _matches(cleartext: str, stored: PasswordHash) -> bool:
    if not stored.startswith("{BLF-CRYPT}"):
        return False
    try:
        return bcrypt.checkpw(cleartext.encode(), stored.digest.encode())
    except ValueError:  # the host's file was damaged: a new hash heals it
        return False


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(_KEY_OCTETS)}\n")
            file.flush()
            os.fsync(file.fileno())
        # Of two processes that make the first key at once, both must end up with one.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _unusable(path: Path, got: str, fix: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary="mailprov cannot use the key that recognises unchanged passwords",
            where=str(path),
            got=got,
            want="a file of this user, mode 0600, with 32 bytes in hexadecimal",
            fix=fix,
        ),
        ExitCode.FAILED,
    )
