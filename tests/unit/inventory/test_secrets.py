"""All secrets of a site are read at once, and all that is wrong with them is told at once."""

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.inventory.load import load_site
from provisioner.inventory.secrets import Secrets, read_secrets
from provisioner.model.names import MailAddress
from provisioner.model.secrets import SecretReference

STRONG = "xK7dQ0bW3_vT"
HEAD = "domain: example.org\nhosts:\n  mail: {address: 192.0.2.10}\n"
Read = Callable[..., Secrets]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function from the text of a site, and variables, to its secrets."""

    def read(text: str, **variables: str) -> Secrets:
        path = tmp_path / "site.yaml"
        path.write_text(text)
        base = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path / "config")}
        return read_secrets(load_site(path).site, path, base | variables)

    return read


def _told(read: Read, text: str, **variables: str) -> list[str]:
    with pytest.raises(MailprovError) as refusal:
        read(text, **variables)
    assert refusal.value.exit_code is ExitCode.INVALID_SITE
    for diagnostic in refusal.value.diagnostics:
        assert diagnostic.got
        assert diagnostic.want
        assert diagnostic.fix
    return [
        f"{diagnostic.where.rpartition('site.yaml:')[2]}: {diagnostic.summary}"
        for diagnostic in refusal.value.diagnostics
    ]


def test_passwords_settle_once_and_stay(read: Read, tmp_path: Path) -> None:
    secrets = read(f"{HEAD}users:\n  alice: {{password: {{env: A}}}}\n", A="secret")
    first = secrets.settle({})
    alice = MailAddress.parse("alice@example.org")
    assert bcrypt.checkpw(b"secret", first[alice].hash.digest.encode())
    assert secrets.settle(first) == first
    assert (tmp_path / "config/mailprov/key").exists()
    assert "secret" not in repr(secrets)


def test_without_references_no_key_is_made(read: Read, tmp_path: Path, beginner: str) -> None:
    secrets = read(beginner)
    assert secrets.settle({}) == {}
    assert secrets.tls_chain is None
    assert not (tmp_path / "config").exists()


def test_login_secrets_are_revealed_by_reference(read: Read) -> None:
    text = HEAD.replace("10}", "10, ssh: {password: {env: P}, become_password: {env: Q}}}")
    secrets = read(f"{text}users:\n  alice: {{password: {{env: A}}}}\n", A="a", P="p", Q="q")
    assert secrets.reveal(SecretReference(source="env", value="P")) == "p"
    assert secrets.reveal(SecretReference(source="env", value="Q")) == "q"


def test_passwords_of_disabled_users_are_not_read(read: Read) -> None:
    users = "users:\n  a: {password: {env: A}}\n  b: {password: {env: NONE}, enabled: false}\n"
    assert set(read(HEAD + users, A="a").settle({})) == {"a@example.org"}


def test_all_that_is_wrong_is_told_at_its_place(read: Read) -> None:
    told = _told(
        read,
        HEAD.replace("10}", "10, ssh: {password: {env: NONE}}}")
        + "users:\n"
        + "  a: {password: {env: MISSING}}\n"
        + "  b: {password: {file: none}}\n"
        + "  c@example.org: {password: {env: LONG}}\n"
        + "  d: {password: {env: WEAK}}\n"
        + "  e: {password: {env: BROKEN}}\n"
        + "  f: {password: {env: PLAIN}}\n"
        + "accounts: system\n",
        LONG="ü" * 37,
        WEAK="{SHA}aaaa",
        BROKEN="{BLF-CRYPT}hunter2",
        PLAIN="{PLAIN}hunter2",
    )
    assert [line.partition(" (")[0] for line in told] == [
        "3:47: hosts.mail.ssh.password: the environment variable NONE is not set",
        "5:17: users.a.password: the environment variable MISSING is not set",
        told[2],
        '7:29: users."c@example.org".password: a password that bcrypt cannot take',
        "8:17: users.d.password: a weak password scheme: who gets the hash soon has the password",
        "9:17: users.e.password: a malformed BLF-CRYPT hash",
        "10:17: users.f.password: a password in cleartext",
    ]
    assert told[2].startswith("6:17: users.b.password: the file ")
    assert "hunter2" not in " ".join(told)


def test_72_bytes_are_a_password_and_73_are_not(read: Read) -> None:
    text = f"{HEAD}users:\n  a: {{password: {{env: A}}}}\n"
    assert read(text, A="x" * 72).settle({})
    assert len(_told(read, text, A="x" * 73)) == 1


def test_a_system_account_needs_a_scheme_of_crypt(read: Read) -> None:
    text = f"{HEAD}users:\n  a: {{password: {{env: A}}}}\naccounts: system\n"
    told = _told(read, text, A=f"{{PBKDF2}}$1$salt$5000${'a' * 40}")
    assert told == ["5:17: users.a.password: a password scheme that a system account cannot have"]


def test_weak_passwords_are_warned_of_where_they_are_referred_to(read: Read) -> None:
    text = (
        f"{HEAD}users:\n"
        "  alice: {password: {env: A}}\n"
        "  bob@example.org: {password: {env: B}, name: Robert Paulson}\n"
        "  carol: {password: {env: C}}\n"
        "  dave: {password: {env: D}, enabled: false}\n"
    )
    got = read(text, A="hunter2", B="Paulson#83kd91", C=STRONG, D="x").warnings
    told = [f"{one.where.rpartition('site.yaml:')[2]}: {one.summary}" for one in got]
    assert told == [
        "5:21: warning: users.alice.password: a weak password: it has fewer than 8 characters",
        (
            '6:31: warning: users."bob@example.org".password: a weak password: '
            "it contains a name that is tried first, the user's or the domain's"
        ),
    ]
    shown = "".join(one.render() for one in got)
    assert "hunter2" not in shown
    assert "Paulson" not in shown
    for one in got:
        assert "12 random characters" in one.want
        assert one.fix


def test_a_weak_hash_that_is_allowed_is_warned_of_when_it_is_read(read: Read) -> None:
    digest = "$1$saltsalt$" + "a" * 22
    text = (
        f"{HEAD}users:\n  alice: {{password: {{env: A}}}}\n  bob: {{password: {{env: B}}}}\n"
        "accounts: system\nallow_insecure: {weak-hash: lab}\n"
    )
    secrets = read(text, A=f"{{MD5-CRYPT}}{digest}", B=f"{{SHA512-CRYPT}}$6$salt${'a' * 86}")
    (warning,) = secrets.warnings
    assert warning.where.endswith("site.yaml:5:21")
    assert "weak password schemes" in warning.summary
    assert warning.got == "a reference to {MD5-CRYPT}"
    assert digest not in warning.render()
    alice = MailAddress.parse("alice@example.org")
    assert secrets.settle({})[alice].hash == f"{{MD5-CRYPT}}{digest}"


def _certificate(
    key: CertificateIssuerPrivateKeyTypes, *names: str, days: int = 90
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(dt.datetime.now(dt.UTC) + dt.timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
        .sign(key, hashes.SHA256())
    )


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, passphrase: bytes = b"") -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )


def _pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


@pytest.fixture
def tls_site(tmp_path: Path) -> Callable[[bytes, bytes], str]:
    """Return a function that writes the two files of a certificate and names a site for them."""

    def write(certificate: bytes, key: bytes) -> str:
        (tmp_path / "cert.pem").write_bytes(certificate)
        (tmp_path / "key.pem").write_bytes(key)
        (tmp_path / "key.pem").chmod(0o600)
        return (
            f"{HEAD}users:\n  a: {{password: {{env: A}}}}\n"
            "tls: {files: {certificate: cert.pem, key: key.pem}}\n"
        )

    return write


KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("name", ["mail.example.org", "*.example.org"])
def test_a_pair_becomes_one_chain_with_the_key_first(
    read: Read, tls_site: Callable[[bytes, bytes], str], name: str
) -> None:
    certificate = _certificate(KEY, name)
    secrets = read(tls_site(b"# note\n" + _pem(certificate), _key_pem(KEY)), A=STRONG)
    assert secrets.warnings == ()
    assert secrets.tls_chain == _key_pem(KEY) + _pem(certificate)
    assert "PRIVATE" not in repr(secrets)


@pytest.mark.parametrize(
    ("certificate", "key", "want"),
    [
        (_pem(_certificate(OTHER, "mail.example.org")), _key_pem(KEY), "do not belong together"),
        (
            _pem(_certificate(OTHER, "ca.example"), _certificate(KEY, "mail.example.org")),
            _key_pem(KEY),
            "do not belong together",
        ),
        (_pem(_certificate(KEY, "mail.example.org", days=-1)), _key_pem(KEY), "has expired"),
        (_pem(_certificate(KEY, "mail.example.org")), _key_pem(KEY, b"x"), "key is encrypted"),
        (_pem(_certificate(KEY, "mail.example.org")), b"nonsense", "not a private key"),
        (b"nonsense", _key_pem(KEY), "not a certificate"),
        (b"", _key_pem(KEY), "not a certificate"),
        (_key_pem(KEY), _key_pem(KEY), "not a certificate"),
    ],
)
def test_a_pair_that_cannot_work_is_refused(
    read: Read, tls_site: Callable[[bytes, bytes], str], certificate: bytes, key: bytes, want: str
) -> None:
    (told,) = _told(read, tls_site(certificate, key), A="a")
    place = "6:43" if "key" in want.partition(" is")[0] else "6:28"
    assert told.startswith(place)
    assert want in told


def test_a_short_rsa_key_is_refused(read: Read, tls_site: Callable[[bytes, bytes], str]) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 it is to be refused
    (told,) = _told(
        read, tls_site(_pem(_certificate(short, "mail.example.org")), _key_pem(short)), A="a"
    )
    assert told.endswith("an RSA key that is too short")


def test_what_a_client_may_stumble_over_is_warned_of(
    read: Read, tls_site: Callable[[bytes, bytes], str], tmp_path: Path
) -> None:
    text = tls_site(
        _pem(_certificate(KEY, "www.example.net", days=3), _certificate(OTHER, "ca.example")),
        _key_pem(KEY),
    )
    (tmp_path / "key.pem").chmod(0o644)
    told = {warning.summary.rpartition(": ")[2] for warning in read(text, A=STRONG).warnings}
    assert told == {
        "the certificate does not name every host that speaks TLS",
        "the certificate expires soon",
        "the certificates are not a chain",
        "others can read the private key",
    }


def test_missing_certificate_files_are_told_both(read: Read) -> None:
    text = (
        f"{HEAD}users:\n  a: {{password: {{env: A}}}}\n"
        "tls: {files: {certificate: cert.pem, key: key.pem}}\n"
    )
    told = _told(read, text, A="a")
    assert [line[:5] for line in told] == ["6:28:", "6:43:"]
