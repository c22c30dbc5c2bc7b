"""Password hashes: known schemes with well-formed digests; cleartext is never shown."""

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.secrets import PasswordHash
from provisioner.model.values import InvalidValueError

BCRYPT = bcrypt.hashpw(b"secret", b"$2b$04$abcdefghijklmnopqrstuu").decode()
SHA512 = f"$6$salt${'a' * 86}"
STRONG = [
    f"{{BLF-CRYPT}}{BCRYPT}",
    f"{{BLF-CRYPT}}$2y$12${'a' * 53}",
    f"{{SHA512-CRYPT}}{SHA512}",
    f"{{SHA512-CRYPT}}$6$rounds=5000$salt${'a' * 86}",
    f"{{SHA256-CRYPT}}$5$salt${'a' * 43}",
    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
    "{ARGON2I}$argon2i$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
    f"{{PBKDF2}}$1$salt$5000${'a' * 40}",
    "{SCRAM-SHA-256}4096,c2FsdA==,c3RvcmVk,c2VydmVy",
    f"{{CRYPT}}{SHA512}",
    f"{{CRYPT}}$y$j9T$salt${'a' * 43}",
]
WEAK = [
    "{MD5-CRYPT}$1$salt$aaaaaaaaaaaaaaaaaaaaaa",
    "{CRYPT}$1$salt$aaaaaaaaaaaaaaaaaaaaaa",
    "{CRYPT}aaaaaaaaaaaaa",
    "{DES-CRYPT}aaaaaaaaaaaaa",
    "{PLAIN-MD5}5f4dcc3b5aa765d61d8327deb882cf99",
    "{LDAP-MD5}X03MO1qnZdYdgyfeuILPmQ==",
    "{SMD5}aaaaaaaaaaaaaaaaaaaaaaaa",
    "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
    "{SHA1.hex}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
    "{SSHA}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "{SSHA256}aaaa",
    "{SHA512.b64}aaaa",
    "{CRAM-MD5}aaaa",
    "{OTP}aaaa",
]


@pytest.mark.parametrize("written", STRONG)
def test_strong_hashes_are_accepted(written: str) -> None:
    parsed = PasswordHash.parse(written)
    assert parsed == written
    assert not parsed.weak
    assert f"{{{parsed.scheme}}}{parsed.digest}" == written


@pytest.mark.parametrize("written", WEAK)
def test_weak_hashes_are_known_as_weak(written: str) -> None:
    assert PasswordHash.parse(written).weak


@pytest.mark.parametrize(
    ("written", "want"),
    [
        (STRONG[0], True),
        (STRONG[2], True),
        (STRONG[5], False),
        (STRONG[7], False),
        (WEAK[7], False),
    ],
)
def test_what_crypt_knows_can_be_a_system_account(written: str, want: bool) -> None:  # noqa: FBT001
    assert PasswordHash.parse(written).crypt is want


def test_a_scheme_in_lower_case_is_folded() -> None:
    assert PasswordHash.parse(f"{{blf-crypt}}{BCRYPT}") == f"{{BLF-CRYPT}}{BCRYPT}"


@pytest.mark.parametrize(
    "written",
    [
        "Tr0ub4dor&3",
        "{PLAIN}Tr0ub4dor&3",
        "{CLEARTEXT}Tr0ub4dor&3",
        "{plain.b64}Tr0ub4dor&3",
        "{Tr0ub4dor}Tr0ub4dor&3",
        "{BLF-CRYPT}Tr0ub4dor&3",
        "{SHA512-CRYPT}Tr0ub4dor&3",
        "{BLF-CRYPT}$2b$12$Tr0ub4dor&3",
        "{SSHA}Tr0ub4dor&3:x",
        "{SSHA}Tr0ub4dor&3\n",
        "{SSHA}",
        "$2b$12$Tr0ub4dor&3",
        "",
        f"{{BLF-CRYPT}}{BCRYPT}Tr0ub4dor&3",
        f"{{BLF-CRYPT}}$2b$99${'a' * 53}",
        f"{{SSHA}}{'Tr0ub4dor&3' * 1000}",
    ],
)
def test_a_refused_password_is_not_shown(written: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        PasswordHash.parse(written)
    error = refusal.value
    told = " ".join((error.summary, error.want, error.fix, error.got or ""))
    assert error.got is not None
    assert error.want
    assert error.fix
    assert "Tr0ub4dor" not in told


@given(st.text(max_size=200), st.sampled_from(["", "{SSHA}", "{CRYPT}", "{SCRAM-SHA-1}"]))
def test_what_is_accepted_fits_a_passwd_field(text: str, scheme: str) -> None:
    try:
        parsed = PasswordHash.parse(scheme + text)
    except InvalidValueError as error:
        assert error.got is not None  # noqa: PT017 an error without it would show the text
        return
    assert parsed.isascii()
    assert parsed.isprintable()
    assert ":" not in parsed
    assert " " not in parsed


def test_a_hash_does_not_show_in_a_traceback() -> None:
    assert BCRYPT[7:] not in repr(PasswordHash.parse(STRONG[0]))
