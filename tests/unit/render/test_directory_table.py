"""Where the directory of a large site is, and that a small one has its text files."""

from __future__ import annotations

import pytest
from unit.render.sites import artifacts_of, lines_of, site_of

from provisioner.diagnostics import MailprovError
from provisioner.model.secrets import PasswordHash, SiteSecrets
from provisioner.model.site import Site
from provisioner.plan.compile import compile_generation
from provisioner.plan.generation import Generation
from provisioner.platforms.records import platform_named
from provisioner.render import directory_table
from provisioner.render.directory_table import TABLE_PATH, ShardedTable
from provisioner.render.nature import Nature
from provisioner.rooms.host_tree import render_host

_HASH = "{SHA512-CRYPT}$6$abcdefgh$" + "x" * 86
_TEXT = f"""
domain: example.org
hosts: {{mail: {{address: 192.0.2.10}}}}
aliases: {{info: [alice, bob]}}
users:
  alice: {{password: "{_HASH}"}}
  bob: {{password: "{_HASH}", enabled: false}}
"""
_LARGE = f"""{_TEXT}  carol: {{password: "{_HASH}"}}
"""
_SYSTEM = f"{_LARGE}accounts: system\n"


@pytest.fixture(autouse=True)
def threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two users be what text files are for."""
    monkeypatch.setattr(directory_table, "USERS_IN_TEXT", 2)


def compiled(site: Site, platform: str = "debian-12") -> Generation:
    return compile_generation(
        site, site.host("mail"), Nature(platform_named(platform)), SiteSecrets({}), {}
    )


def rows_of(site: Site) -> list[str]:
    table = artifacts_of(site, "mail")[TABLE_PATH]
    assert isinstance(table, ShardedTable)
    return sorted(line for shard in table.shards.values() for line in shard.decode().splitlines())


def test_as_many_users_as_text_files_are_for_have_text_files() -> None:
    files = artifacts_of(site_of(_TEXT), "mail")
    assert TABLE_PATH not in files
    assert {"/etc/dovecot/mailprov/users", "/etc/postfix/mailprov/recipients"} <= files.keys()
    assert not set(compiled(site_of(_TEXT)).packages) & {"postfix-lmdb", "dovecot-sqlite"}


def test_one_user_more_has_a_table_in_place_of_the_text_files() -> None:
    small, large = (set(artifacts_of(site_of(text), "mail")) for text in (_TEXT, _LARGE))
    assert large - small == {TABLE_PATH, "/etc/dovecot/mailprov/tables.conf.ext"}
    assert small - large == {
        "/etc/dovecot/mailprov/passwords",
        "/etc/dovecot/mailprov/passwords.conf.ext",
        "/etc/dovecot/mailprov/users",
        "/etc/dovecot/mailprov/mailboxes",
        "/etc/postfix/mailprov/recipients",
        "/etc/postfix/mailprov/aliases",
        "/etc/postfix/mailprov/senders",
    }


def test_users_of_the_system_stay_in_the_files_of_the_system() -> None:
    assert TABLE_PATH not in artifacts_of(site_of(_SYSTEM), "mail")


def test_the_table_says_what_the_text_files_say() -> None:
    got = rows_of(site_of(_LARGE))
    assert f"users\talice@example.org\t{_HASH}" in got
    assert not any(row.startswith("users\tbob@") for row in got)
    assert "mailboxes\tbob@example.org\t/srv/vmail/example.org/bob" in got
    assert "recipients\tbob@example.org\tmailbox" in got
    assert "aliases\tinfo@example.org\talice@example.org, bob@example.org" in got
    assert "senders\tcarol@example.org\tcarol@example.org" in got


def test_the_daemons_are_led_to_the_table() -> None:
    site = site_of(_LARGE)
    main = lines_of(site, "mail", "/etc/postfix/main.cf")
    assert f"virtual_mailbox_maps = lmdb:{TABLE_PATH}/recipients" in main
    assert f"virtual_alias_maps = lmdb:{TABLE_PATH}/aliases" in main
    assert f"smtpd_sender_login_maps = lmdb:{TABLE_PATH}/senders" in main
    auth = lines_of(site, "mail", "/etc/dovecot/conf.d/10-auth.conf")
    assert auth.count("args = /etc/dovecot/mailprov/tables.conf.ext") == 2
    assert auth.count("driver = sql") == 2
    lookups = lines_of(site, "mail", "/etc/dovecot/mailprov/tables.conf.ext")
    assert f"connect = {TABLE_PATH}/users.sqlite" in lookups


@pytest.mark.parametrize(
    ("platform", "maps"), [("el-8", "cdb"), ("el-9", "cdb"), ("el-10", "lmdb")]
)
def test_postfix_looks_up_in_what_the_release_has(platform: str, maps: str) -> None:
    site = site_of(_LARGE)
    main = lines_of(site, "mail", "/etc/postfix/main.cf", platform)
    assert f"virtual_mailbox_maps = {maps}:{TABLE_PATH}/recipients" in main
    table = artifacts_of(site, "mail", platform)[TABLE_PATH]
    assert isinstance(table, ShardedTable)
    assert table.maps == maps


def test_dovecot_2_4_is_led_there_in_its_own_words() -> None:
    site = site_of(_LARGE)
    auth = lines_of(site, "mail", "/etc/dovecot/conf.d/10-auth.conf", "debian-13")
    assert auth.count("!include /etc/dovecot/mailprov/tables.conf.ext") == 1
    assert not any("mailprov/users" in line for line in auth)
    lookups = lines_of(site, "mail", "/etc/dovecot/mailprov/tables.conf.ext", "debian-13")
    assert f"sqlite_path = {TABLE_PATH}/users.sqlite" in lookups
    assert [line for line in lookups if line.endswith("{")] == [
        "passdb users {",
        "userdb mailboxes {",
    ]
    assert {"postfix-lmdb", "dovecot-sqlite"} <= set(compiled(site, "debian-13").packages)


def test_the_look_ups_restart_a_dovecot_that_cannot_learn_their_settings() -> None:
    path = "/etc/dovecot/mailprov/tables.conf.ext"
    restarts = [
        platform
        for platform in ("debian-12", "debian-13", "el-9")
        if artifacts_of(site_of(_LARGE), "mail", platform)[path].restart
    ]
    assert restarts == ["debian-13"]


@pytest.mark.parametrize("platform", ["debian-12", "debian-13"])
def test_the_look_ups_are_there_before_the_part_that_includes_them(platform: str) -> None:
    path = "/etc/dovecot/mailprov/tables.conf.ext"
    files = artifacts_of(site_of(_LARGE), "mail", platform)
    auth = files["/etc/dovecot/conf.d/10-auth.conf"]
    assert files[path].daemons == auth.daemons
    assert files[path].rank < auth.rank


def test_packages_and_readers_follow_the_platform() -> None:
    assert {"postfix-lmdb", "dovecot-sqlite", "sqlite3"} <= set(compiled(site_of(_LARGE)).packages)
    assert {"postfix-cdb", "sqlite"} <= set(compiled(site_of(_LARGE), "el-9").packages)
    assert TABLE_PATH in compiled(site_of(_LARGE)).user_files


def test_a_user_more_is_the_same_configuration() -> None:
    more = site_of(f'{_LARGE}  dave: {{password: "{_HASH}"}}\n')
    assert compiled(more).id == compiled(site_of(_LARGE)).id


def test_no_password_is_shown() -> None:
    table = artifacts_of(site_of(_LARGE), "mail")[TABLE_PATH]
    assert table.secret
    assert _HASH not in repr(table)


def test_what_a_text_file_cannot_express_is_refused_here_too() -> None:
    site = site_of(_LARGE)
    passwords = {user.address: PasswordHash("{CRYPT}x:y") for user in site.users}
    platform = platform_named("debian-12")
    with pytest.raises(MailprovError, match="colon"):
        render_host(site, site.host("mail"), Nature(platform), SiteSecrets(passwords))


@pytest.mark.parametrize(("platform", "syntax"), [("debian-12", "$"), ("debian-13", "$SET:")])
def test_whom_users_are_looked_up_by_is_not_root_where_no_account_of_the_system_is_asked_for(
    platform: str, syntax: str
) -> None:
    auth = "/etc/dovecot/conf.d/10-auth.conf"
    text, large, system = (
        lines_of(site_of(site), "mail", auth, platform) for site in (_TEXT, _LARGE, _SYSTEM)
    )
    for virtual in (text, large):
        assert f"user = {syntax}default_internal_user" in virtual
    block = " ".join(system).partition("service auth-worker {")[2].partition("}")[0]
    assert "default_internal_user" not in block
