"""All secrets of a site are read at once, and all that is wrong with them is told at once."""

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.names import MailAddress
from provisioner.model.secrets import SecretReference
from provisioner.site.certificate_chain import system_roots
from provisioner.site.load import load_site
from provisioner.site.secrets import Need, Secrets, read_secrets

STRONG = "xK7dQ0bW3_vT"
HEAD = "domain: example.org\nhosts:\n  mail: {address: 192.0.2.10}\n"
Read = Callable[..., Secrets]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function from the text of a site, and variables, to its secrets."""

    def read(text: str, need: Need = Need.UNKNOWN, **variables: str) -> Secrets:
        path = tmp_path / "site.yaml"
        path.write_text(text)
        base = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(tmp_path / "config")}
        return read_secrets(load_site(path).site, path, base | variables, need)

    return read


def _told(read: Read, text: str, **variables: str) -> list[str]:
    """Return what is told of a site whose passwords are all needed."""
    with pytest.raises(MailprovError) as refusal:
        read(text, Need.ALL, **variables)
    return _places(refusal.value)


def _places(refusal: MailprovError) -> list[str]:
    assert refusal.exit_code is ExitCode.INVALID_SITE
    for diagnostic in refusal.diagnostics:
        assert diagnostic.got
        assert diagnostic.want
        assert diagnostic.fix
    return [
        f"{diagnostic.where.rpartition('site.yaml:')[2]}: {diagnostic.summary}"
        for diagnostic in refusal.diagnostics
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
        "8:17: users.d.password: a weak password scheme: a stolen hash soon reveals the password",
        "9:17: users.e.password: a malformed BLF-CRYPT hash",
        "10:17: users.f.password: a password in cleartext",
    ]
    assert told[2].startswith("6:17: users.b.password: the file ")
    assert "hunter2" not in " ".join(told)


ALICE = MailAddress.parse("alice@example.org")
BOB = MailAddress.parse("bob@example.org")
TWO = f"{HEAD}users:\n  alice: {{password: {{env: A}}}}\n  bob: {{password: {{env: B}}}}\n"


def test_a_password_that_cannot_be_read_stays_as_the_host_has_it(read: Read) -> None:
    known = read(TWO, A="first", B="second").settle({})
    secrets = read(TWO, A="first")
    assert secrets.settle(known) == known
    assert list(secrets.notes(known)) == [
        (
            "mailprov cannot read these passwords here: bob@example.org (the environment "
            "variable B is not set): the host keeps its present password"
        )
    ]
    changed = read(TWO, A="another").settle(known)
    assert changed[ALICE] != known[ALICE]
    assert changed[BOB] == known[BOB]


def test_a_password_that_the_host_does_not_know_is_needed_to_apply(read: Read) -> None:
    known = read(TWO, A="first", B="second").settle({})
    secrets = read(TWO, A="first")
    with pytest.raises(MailprovError) as refusal:
        secrets.settle({ALICE: known[ALICE]})
    assert _places(refusal.value) == [
        "6:19: users.bob.password: the environment variable B is not set"
    ]
    assert "the host does not have the password yet" in refusal.value.diagnostics[0].want


def test_who_only_looks_needs_no_password(read: Read) -> None:
    secrets = read(TWO, Need.NONE)
    assert secrets.settle({}) == {}
    (note,) = secrets.notes({})
    assert "alice@example.org (the environment variable A is not set), bob@example.org" in note
    assert note.endswith("apply needs it")


def test_of_many_passwords_that_cannot_be_read_some_are_named(read: Read) -> None:
    users = "".join(f"  u{number}: {{password: {{env: U{number}}}}}\n" for number in range(9))
    (note,) = read(f"{HEAD}users:\n{users}", Need.NONE).notes({})
    assert "u2@example.org" in note
    assert "u3@example.org" not in note
    assert "and 6 more" in note


def test_what_logs_in_to_hosts_is_needed_by_everybody(read: Read) -> None:
    text = TWO.replace("10}", "10, ssh: {password: {env: P}}}")
    with pytest.raises(MailprovError) as refusal:
        read(text, Need.NONE, A="first", B="second")
    assert _places(refusal.value) == [
        "3:47: hosts.mail.ssh.password: the environment variable P is not set"
    ]


@pytest.mark.parametrize(
    "key",
    ["bob", "bob@example.org", "bob@Example.ORG.", "bob@bücher.example", "bob@BÜCHER.example"],
)
def test_a_user_is_told_of_where_the_file_has_it_however_it_is_spelt(read: Read, key: str) -> None:
    """A key in other letters than the canonical ones was told of at the line of `users:`."""
    text = f'{HEAD}users:\n  alice: {{password: {{env: A}}}}\n  "{key}": {{password: {{env: X}}}}\n'
    text += "domains: {bücher.example: {}}\n"
    (told,) = _told(read, text, A=STRONG)
    assert told.startswith(f"6:{len(key) + 7 + len('{password: ')}: users.")
    assert told.endswith("the environment variable X is not set")


BARE = {
    "BLF-CRYPT": f"$2y$12${'a' * 53}",
    "SHA512-CRYPT": f"$6$rounds=5000$salt${'a' * 86}",
    "SHA256-CRYPT": f"$5$salt${'a' * 43}",
    "CRYPT": f"$y$j9T$salt${'a' * 43}",
    "ARGON2ID": "$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
    "MD5-CRYPT": f"$1$saltsalt${'a' * 22}",
}


@pytest.mark.parametrize(("scheme", "digest"), BARE.items())
@pytest.mark.parametrize("form", ["{}", "bob:{}", "bob:{}:19000:0:99999:7:::"])
def test_a_hash_without_its_scheme_is_no_password(
    read: Read, scheme: str, digest: str, form: str
) -> None:
    """The text of the hash became the password, or people were told to shorten it."""
    text = f"{HEAD}users:\n  a: {{password: {{env: A}}}}\n"
    with pytest.raises(MailprovError) as refusal:
        read(text, A=form.format(digest))
    (told,) = refusal.value.diagnostics
    assert told.summary.endswith("a hash without its scheme: its own letters would be the password")
    assert f"{{{scheme}}}" in told.fix
    assert "aaaa" not in told.render()
    read(text, A=f"{{{scheme}}}{digest}") if scheme != "MD5-CRYPT" else None


@pytest.mark.parametrize("password", ["$2y$12$short", "$6$ the price of a house", "a:$b$c", "$$$"])
def test_a_password_with_dollars_in_it_is_one(read: Read, password: str) -> None:
    assert read(f"{HEAD}users:\n  a: {{password: {{env: A}}}}\n", A=password).settle({})


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
            "it contains the user's or the domain's name"
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
        "the certificate does not name every host that uses TLS",
        "the certificate expires soon",
        "the file has a certificate that issued none of the others",
        "other users can read the private key",
    }


def test_missing_certificate_files_are_told_both(read: Read) -> None:
    text = (
        f"{HEAD}users:\n  a: {{password: {{env: A}}}}\n"
        "tls: {files: {certificate: cert.pem, key: key.pem}}\n"
    )
    told = _told(read, text, A="a")
    assert [line[:5] for line in told] == ["6:28:", "6:43:"]


ROOT_KEY = ec.generate_private_key(ec.SECP256R1())
MIDDLE_KEY = ec.generate_private_key(ec.SECP256R1())


def _issued(
    subject: str,
    key: CertificateIssuerPrivateKeyTypes,
    issuer: str,
    by: CertificateIssuerPrivateKeyTypes,
    days: int = 90,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (subject, issuer)]
    place = x509.UniformResourceIdentifier("http://ca.example/middle.der")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
    return (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=100))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=key is not KEY, path_length=None), critical=True)
        .add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        .sign(by, hashes.SHA256())
    )


ROOT = _issued("root.example", ROOT_KEY, "root.example", ROOT_KEY)
MIDDLE = _issued("middle.example", MIDDLE_KEY, "root.example", ROOT_KEY)
OLD_MIDDLE = _issued("middle.example", MIDDLE_KEY, "root.example", ROOT_KEY, days=-1)
LEAF = _issued("mail.example.org", KEY, "middle.example", MIDDLE_KEY)


@pytest.fixture
def trusted_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have this machine trust the root, and no other."""
    (tmp_path / "roots.pem").write_bytes(_pem(ROOT))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    system_roots.cache_clear()
    yield
    system_roots.cache_clear()


@pytest.mark.usefixtures("trusted_root")
def test_a_certificate_without_its_intermediate_is_refused(
    read: Read, tls_site: Callable[[bytes, bytes], str]
) -> None:
    """No warning came, verify was green, and people's mail programs failed."""
    with pytest.raises(MailprovError) as refusal:
        read(tls_site(_pem(LEAF), _key_pem(KEY)), A=STRONG)
    (told,) = refusal.value.diagnostics
    assert told.where.endswith("site.yaml:6:28")
    assert "an intermediate certificate is missing" in told.summary
    assert "http://ca.example/middle.der" in told.fix


@pytest.mark.usefixtures("trusted_root")
@pytest.mark.parametrize(
    ("file", "want"),
    [
        ([LEAF, MIDDLE], [LEAF, MIDDLE]),
        ([LEAF, MIDDLE, ROOT], [LEAF, MIDDLE, ROOT]),
        ([LEAF, OLD_MIDDLE, MIDDLE], [LEAF, MIDDLE, OLD_MIDDLE]),
        ([LEAF, ROOT, MIDDLE], [LEAF, MIDDLE, ROOT]),
        ([LEAF, LEAF, MIDDLE], [LEAF, MIDDLE]),
    ],
)
def test_a_chain_is_served_from_the_host_to_the_root(
    read: Read,
    tls_site: Callable[[bytes, bytes], str],
    file: list[x509.Certificate],
    want: list[x509.Certificate],
) -> None:
    got = read(tls_site(_pem(*file), _key_pem(KEY)), A=STRONG)
    assert got.tls_chain == _key_pem(KEY) + _pem(*want)
    assert len(got.warnings) == (file != want)


@pytest.mark.usefixtures("trusted_root")
def test_an_intermediate_that_has_expired_is_refused(
    read: Read, tls_site: Callable[[bytes, bytes], str]
) -> None:
    (told,) = _told(read, tls_site(_pem(LEAF, OLD_MIDDLE), _key_pem(KEY)), A=STRONG)
    assert "an intermediate certificate is not valid today" in told


def test_a_root_of_ones_own_is_enough_in_the_file(
    read: Read, tls_site: Callable[[bytes, bytes], str]
) -> None:
    text = tls_site(_pem(LEAF, MIDDLE, ROOT), _key_pem(KEY))
    assert read(text, A=STRONG).warnings == ()
    (told,) = _told(read, tls_site(_pem(LEAF, MIDDLE), _key_pem(KEY)), A=STRONG)
    assert "an intermediate certificate is missing" in told


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl(1) makes and judges such keys")
@pytest.mark.parametrize(
    "options",
    [
        ["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
        [
            *(
                "RSA-PSS",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
                "-pkeyopt",
                "rsa_pss_keygen_md:sha256",
            ),
            *("-pkeyopt", "rsa_pss_keygen_mgf1_md:sha256", "-pkeyopt", "rsa_pss_keygen_saltlen:32"),
        ],
        ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        ["ED25519"],
    ],
)
def test_key_and_certificate_are_a_pair_to_openssl_too(
    read: Read, tls_site: Callable[[bytes, bytes], str], tmp_path: Path, options: list[str]
) -> None:
    """An RSA-PSS key was said not to match its certificate, though it does."""

    def openssl(*words: str) -> str:
        done = subprocess.run(
            ["openssl", *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout

    openssl("genpkey", "-algorithm", *options, "-out", "made.pem")
    name = ["-subj", "/CN=mail.example.org", "-addext", "subjectAltName=DNS:mail.example.org"]
    openssl("req", "-x509", "-key", "made.pem", *name, "-days", "30", "-out", "crt.pem")
    text = tls_site((tmp_path / "crt.pem").read_bytes(), (tmp_path / "made.pem").read_bytes())
    chain = read(text, A=STRONG).tls_chain
    assert chain is not None
    (tmp_path / "both.pem").write_bytes(chain)
    public = openssl("pkey", "-in", "both.pem", "-pubout")
    assert openssl("x509", "-in", "both.pem", "-noout", "-pubkey") == public
