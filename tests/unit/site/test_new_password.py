"""New passwords: what is taken, what is made, and what is written down of them."""

from __future__ import annotations

import re
import shutil
import subprocess

import bcrypt
import pytest

from provisioner.model.names import MailAddress
from provisioner.model.values import InvalidValueError
from provisioner.site.new_password import (
    MADE_BITS,
    NEW_SCHEMES,
    check_strong,
    check_usable,
    hash_password,
    make_password,
)

ALICE = MailAddress("alice@mail-office.example")


@pytest.mark.parametrize("scheme", NEW_SCHEMES)
def test_every_hash_has_its_scheme_and_a_salt_of_its_own(scheme: str) -> None:
    first, second = hash_password("a password", scheme), hash_password("a password", scheme)
    assert (first.scheme, first.weak) == (scheme, False)
    assert first != second


def test_the_default_is_bcrypt_with_cost_11() -> None:
    hashed = hash_password("grüne Ponies")
    assert hashed.startswith("{BLF-CRYPT}$2b$11$")
    assert bcrypt.checkpw("grüne Ponies".encode(), hashed.digest.encode())


@pytest.mark.skipif(shutil.which("doveadm") is None, reason="Dovecot is not installed here")
@pytest.mark.parametrize("scheme", NEW_SCHEMES)
def test_doveadm_verifies_the_hash(scheme: str) -> None:
    hashed = hash_password("grüne 'Ponies'", scheme)
    for password, want in (("grüne 'Ponies'", True), ("grüne Ponies", False)):
        done = subprocess.run(
            ["doveadm", "pw", "-t", hashed, "-p", password], capture_output=True, check=False
        )
        assert (done.returncode == 0) is want


@pytest.mark.parametrize("scheme", NEW_SCHEMES)
def test_the_longest_password_is_counted_in_bytes(scheme: str) -> None:
    most = 72 if scheme == "BLF-CRYPT" else 512
    check_usable("ü" * (most // 2), scheme)
    with pytest.raises(InvalidValueError) as refusal:
        check_usable("ü" * (most // 2) + "x", scheme)
    assert refusal.value.got == f"{most + 1} bytes"


@pytest.mark.parametrize(
    "password",
    ["", "a\0b", "a\tb", "a\nb", "a\x7f", "a\udc80", "a\x85b", "\ufeffa", "a\u2028b", "a\u202eb"],
)
def test_what_cannot_be_typed_at_a_client_is_refused(password: str) -> None:
    with pytest.raises(InvalidValueError):
        check_usable(password, "BLF-CRYPT")


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("r7%Kq!2", "fewer"),
        ("alice", "fewer"),
        ("my-Alice-2031-xq", "name"),
        ("qk-Smithson-99", "name"),
        ("mail-office.example", "name"),
        ("12345678", "first"),
        ("password1", "first"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 4, "first"),
    ],
)
def test_what_is_guessed_soon_is_refused_without_being_shown(password: str, word: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        check_strong(password, ALICE, "Al Smithson")
    assert word in refusal.value.summary
    shown = f"{refusal.value.summary} {refusal.value.got} {refusal.value.want} {refusal.value.fix}"
    assert password == "alice" or password not in shown
    assert "--allow-weak" in refusal.value.fix


@pytest.mark.parametrize(
    "password", ["seventeen green Ponies", "x7$kQp!w2Z", "ü" * 3 + "-Ölberg-91"]
)
def test_a_good_password_is_taken(password: str) -> None:
    check_strong(password, ALICE, "Al Smithson")


@pytest.mark.parametrize("password", [f"{{BLF-CRYPT}}$2b$12${'a' * 53}", "{SHA512-CRYPT}$6$x$y"])
def test_a_hash_is_not_hashed_again(password: str) -> None:
    with pytest.raises(InvalidValueError, match="the password is a hash") as refusal:
        check_usable(password, "BLF-CRYPT")
    assert "--reference" in (refusal.value.fix or "")
    assert password not in (refusal.value.got or "")


def test_a_made_password_is_strong_easy_to_type_and_another_each_time() -> None:
    assert MADE_BITS >= 96
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert re.fullmatch(r"([a-hj-km-np-z2-9]{5}-){3}[a-hj-km-np-z2-9]{5}", password)
        check_usable(password, "BLF-CRYPT")
    check_strong(next(iter(made)), ALICE)
