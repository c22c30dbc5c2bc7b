"""A new password: judged, made on request, and hashed in Dovecot's format.

The schemes are those of doc.dovecot.org, "Password Schemes"; what `doveadm pw -t` says of
each result is a test.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import secrets
import string
from collections.abc import Callable, Mapping

from provisioner.model.hashes import looks_hashed, refuse_bare_hash
from provisioner.model.names import MailAddress
from provisioner.model.scalars import UNSAFE
from provisioner.model.secrets import PasswordHash
from provisioner.model.values import InvalidValueError
from provisioner.site.password_memory import BCRYPT_OCTETS, bcrypt_digest
from provisioner.site.weak_passwords import SHORTEST, hints_about, reason_weak

DEFAULT_SCHEME = "BLF-CRYPT"
_MOST_OCTETS = 512
"""PAM takes no longer answer (PAM_MAX_RESP_SIZE), and nobody remembers one."""

_PBKDF2_ROUNDS = 200_000
_SCRAM_ROUNDS = 200_000
_SALT_LETTERS = "./" + string.ascii_letters + string.digits
_SALT_LENGTH = 16
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # no 0, 1, i, l, o: read aloud, copied by hand
_GROUPS, _GROUP = 4, 5
MADE_BITS = int(_GROUPS * _GROUP * math.log2(len(_LETTERS)))


def make_password() -> str:
    """Return a random password of `MADE_BITS` bits, in groups that are easy to type."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def check_usable(password: str, scheme: str) -> None:
    """Raise InvalidValueError, free of the password, for what a scheme cannot take.

    Empty, a hash, with control or invisible characters, not UTF-8, or so long that a part
    would not count.
    """
    if not password:
        raise _unusable("an empty password", "nothing", "a password")
    try:
        octets = len(password.encode("utf-8"))
    except UnicodeEncodeError as error:
        got = f"{len(password)} characters"
        raise _unusable("the password is not UTF-8 text", got, "UTF-8 text") from error
    if UNSAFE.search(password):
        got = f"{len(password)} characters, some of them such"
        summary = "the password contains control or invisible characters"
        raise _unusable(summary, got, "one line of printable text")
    refuse_bare_hash(password)
    if looks_hashed(password):
        raise InvalidValueError(
            "the password is a hash, which mailprov would hash again",
            got=f"{len(password)} characters that begin with a scheme",
            want="the password itself",
            fix="write the hash into the site file as the user's `password`, or use --reference",
        )
    most = BCRYPT_OCTETS if scheme == "BLF-CRYPT" else _MOST_OCTETS
    if octets > most:
        raise _unusable(
            f"the password is too long for {scheme}",
            f"{octets} bytes",
            f"at most {most} bytes in UTF-8",
        )


def check_strong(password: str, address: MailAddress, name: str = "") -> None:
    """Raise InvalidValueError, free of the password, for one that is guessed too soon.

    address, name: of the user, whose parts are the first thing to be tried.
    """
    if reason := reason_weak(password, hints_about(address, name)):
        raise InvalidValueError(
            f"a weak password: {reason}",
            got=f"{len(password)} characters",
            want=f"at least {SHORTEST} characters that are hard to guess",
            fix="choose another password, or use --generate; --allow-weak accepts this one",
        )


def hash_password(password: str, scheme: str = DEFAULT_SCHEME) -> PasswordHash:
    """Return a usable password's hash, with a random salt. Takes a tenth of a second or so."""
    return PasswordHash.parse(f"{{{scheme}}}{_DIGESTS[scheme](password)}")


def _argon2id(password: str) -> str:
    from argon2 import PasswordHasher  # noqa: PLC0415 few sites use it

    # One lane: libsodium, which Dovecot verifies with, knows no more.
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1).hash(password)


def _pbkdf2(password: str) -> str:
    """Return `$1$salt$rounds$hex`: PBKDF2 (RFC 8018) with HMAC-SHA-1, 20 octets."""
    salt = "".join(secrets.choice(_SALT_LETTERS) for _ in range(_SALT_LENGTH))
    key = hashlib.pbkdf2_hmac("sha1", password.encode(), salt.encode(), _PBKDF2_ROUNDS, 20)
    return f"$1${salt}${_PBKDF2_ROUNDS}${key.hex()}"


def _scram(password: str) -> str:
    """Return `rounds,salt,StoredKey,ServerKey` (RFC 5802 section 3, RFC 7677)."""
    salt = secrets.token_bytes(_SALT_LENGTH)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = (base64.b64encode(octets).decode("ascii") for octets in (salt, stored, server))
    return ",".join((str(_SCRAM_ROUNDS), *encoded))


_DIGESTS: Mapping[str, Callable[[str], str]] = {
    DEFAULT_SCHEME: bcrypt_digest,
    "ARGON2ID": _argon2id,
    "PBKDF2": _pbkdf2,
    "SCRAM-SHA-256": _scram,
}
NEW_SCHEMES = tuple(_DIGESTS)


def _unusable(summary: str, got: str, want: str) -> InvalidValueError:
    return InvalidValueError(summary, got=got, want=want, fix="choose another password")
