"""Referenced passwords: hashed once, recognised after that, never twice for nothing."""

import stat
from pathlib import Path

import bcrypt
import pytest

from provisioner.diagnostics import MailprovError
from provisioner.model.names import MailAddress
from provisioner.model.secrets import KnownCredential, PasswordHash
from provisioner.site.password_memory import key_path, obtain_key, settle_passwords, tag

ALICE = MailAddress.parse("alice@example.org")
BOB = MailAddress.parse("bob@example.org")
KEY = bytes(range(32))


def _hash(password: str) -> PasswordHash:
    digest = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    return PasswordHash.parse(f"{{BLF-CRYPT}}{digest}")


def test_a_new_password_gets_a_hash_that_checks() -> None:
    got = settle_passwords({ALICE: "secret"}, {}, KEY)[ALICE]
    assert got.hash.startswith("{BLF-CRYPT}$2b$11$")
    assert bcrypt.checkpw(b"secret", got.hash.digest.encode())
    assert got.tag == tag(KEY, ALICE, "secret")


def test_a_known_tag_keeps_the_hash_without_looking_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not_run(*_: object) -> bytes:
        pytest.fail("bcrypt ran for an unchanged password")

    known = {ALICE: KnownCredential(tag(KEY, ALICE, "secret"), _hash("secret"))}
    monkeypatch.setattr(bcrypt, "hashpw", must_not_run)
    monkeypatch.setattr(bcrypt, "checkpw", must_not_run)
    assert settle_passwords({ALICE: "secret"}, known, KEY) == known


def test_a_lost_key_costs_a_comparison_and_no_change() -> None:
    stored = _hash("secret")
    known = {ALICE: KnownCredential(tag(b"x" * 32, ALICE, "secret"), stored)}
    got = settle_passwords({ALICE: "secret"}, known, KEY)
    assert got == {ALICE: KnownCredential(tag(KEY, ALICE, "secret"), stored)}


def test_a_changed_password_gets_a_new_hash() -> None:
    known = {ALICE: KnownCredential(tag(KEY, ALICE, "old"), _hash("old"))}
    got = settle_passwords({ALICE: "new"}, known, KEY)[ALICE]
    assert bcrypt.checkpw(b"new", got.hash.digest.encode())
    assert got.tag == tag(KEY, ALICE, "new")


def test_a_damaged_or_foreign_known_hash_is_replaced() -> None:
    for stored in (PasswordHash("{BLF-CRYPT}damaged"), PasswordHash("{SHA512-CRYPT}$6$x$y")):
        known = {ALICE: KnownCredential("no-tag", stored)}
        got = settle_passwords({ALICE: "secret"}, known, KEY)[ALICE]
        assert bcrypt.checkpw(b"secret", got.hash.digest.encode())


def test_a_referenced_hash_is_used_as_it_is() -> None:
    stored = _hash("secret")
    got = settle_passwords({ALICE: stored}, {}, KEY)
    assert got[ALICE].hash == stored
    assert settle_passwords({ALICE: stored}, got, KEY) == got


def test_users_that_are_no_longer_referenced_are_forgotten() -> None:
    known = {
        user: KnownCredential(tag(KEY, user, "secret"), _hash("secret")) for user in (ALICE, BOB)
    }
    assert set(settle_passwords({BOB: "secret"}, known, KEY)) == {BOB}


def test_equal_passwords_of_two_users_have_different_tags() -> None:
    assert tag(KEY, ALICE, "secret") != tag(KEY, BOB, "secret")


def test_secrets_do_not_show_in_a_traceback() -> None:
    assert "secret" not in repr(KnownCredential("secret", _hash("x")))


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = key_path({"XDG_CONFIG_HOME": str(tmp_path)})
    assert path == tmp_path / "mailprov" / "key"
    first = obtain_key(path)
    assert len(first) == 32
    assert obtain_key(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in path.parent.iterdir()] == ["key"]


def test_a_relative_configuration_folder_is_ignored() -> None:
    want = Path("/home/alice/.config/mailprov/key")
    assert key_path({"XDG_CONFIG_HOME": "here", "HOME": "/home/alice"}) == want


@pytest.mark.parametrize(("content", "mode"), [("zz", 0o600), ("00", 0o600), ("00" * 32, 0o644)])
def test_a_key_that_is_none_or_not_private_is_refused(
    tmp_path: Path, content: str, mode: int
) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(MailprovError) as refusal:
        obtain_key(path)
    (diagnostic,) = refusal.value.diagnostics
    assert diagnostic.where == str(path)
    assert diagnostic.fix
