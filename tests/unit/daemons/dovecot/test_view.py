"""Dovecot's files: who may log in, where mail lies, which ports are open."""

from __future__ import annotations

import re

import pytest
from unit.render.sites import ONE_HOST, artifacts_of, lines_of, site_of

from provisioner.daemons.dovecot.users import password_rows
from provisioner.model.names import MailAddress
from provisioner.model.secrets import PasswordHash, SiteSecrets

_HASH = "{SHA512-CRYPT}$6$abcdefgh$" + "x" * 86
_USERS = f"""
domain: example.org
hosts: {{mail: {{address: 192.0.2.10}}}}
users:
  alice: {{password: "{_HASH}"}}
  bob: {{password: "{_HASH}", enabled: false}}
  carol: {{password: {{command: [pass, "show:mail"]}}}}
"""
_SITE = site_of(_USERS)
_CONF = "/etc/dovecot/conf.d"


_MUNICH = "m(ü|u\u0308|Ü|U\u0308)nchen[.]example"


@pytest.mark.parametrize(
    ("platform", "want"),
    [
        ("debian-12", f"%{{if;%Ld;~;^{_MUNICH}$;%Ln@xn--mnchen-3ya.example;%Lu}}"),
        ("debian-13", f" | lower | regexp('^{_MUNICH}$', 'xn--mnchen-3ya.example')}}"),
    ],
)
def test_a_domain_as_it_is_typed_becomes_the_one_of_the_tables(platform: str, want: str) -> None:
    more = "domains: {münchen.example: {}}\n"
    lines = lines_of(site_of(ONE_HOST, more), "mail", f"{_CONF}/10-auth.conf", platform)
    (form,) = (line for line in lines if line.startswith("auth_username_format"))
    assert form.endswith(f'{want}"')
    (allowed,) = (line for line in lines if line.startswith("auth_username_chars"))
    assert "ü" in allowed
    plain = lines_of(site_of(ONE_HOST), "mail", f"{_CONF}/10-auth.conf", platform)
    assert not any(line.startswith("auth_username_chars") for line in plain)


def test_a_disabled_user_has_a_mailbox_and_no_password() -> None:
    users = lines_of(_SITE, "mail", "/etc/dovecot/mailprov/users")
    mailboxes = lines_of(_SITE, "mail", "/etc/dovecot/mailprov/mailboxes")
    assert f"alice@example.org:{_HASH}::::::" in users
    assert not any(line.startswith("bob@") for line in users)
    assert "bob@example.org:::::/srv/vmail/example.org/bob::" in mailboxes


def test_an_unresolved_password_admits_nobody_and_names_its_reference() -> None:
    users = lines_of(_SITE, "mail", "/etc/dovecot/mailprov/users")
    assert "carol@example.org:{CRYPT}!command=pass::::::" in users


def test_a_hash_that_is_not_at_hand_admits_nobody_either() -> None:
    got = {row.name.local: row.hash for row in password_rows(_SITE, SiteSecrets({}))}  # type: ignore[attr-defined]
    assert got["alice"].startswith("{CRYPT}!")
    assert _HASH not in got["alice"]


@pytest.mark.parametrize(
    ("reference", "want"),
    [
        ('{file: "my secrets/C:alice"}', "file=my_secrets/C_alice"),
        ("{env: ALICE_PASSWORD}", "env=ALICE_PASSWORD"),
        ('{command: ["~/bin/show me", x]}', "command=_/bin/show_me"),
    ],
)
def test_a_reference_is_named_in_characters_that_end_no_field(reference: str, want: str) -> None:
    site = site_of(ONE_HOST.replace("{env: ALICE}", reference))
    (line,) = lines_of(site, "mail", "/etc/dovecot/mailprov/users")
    assert line == f"alice@example.org:{{CRYPT}}!{want}::::::"


def test_a_resolved_password_is_the_one_in_the_file() -> None:
    carol = MailAddress.parse("carol@example.org")
    secrets = SiteSecrets({carol: PasswordHash(_HASH)})
    got = {row.name: row.hash for row in password_rows(_SITE, secrets)}
    assert got[carol] == _HASH


def test_the_list_of_logins_is_the_one_whose_losers_are_logged_out() -> None:
    found = [path for path, one in artifacts_of(_SITE, "mail").items() if one.logins]
    assert found == ["/etc/dovecot/mailprov/users"]


def test_passwords_are_checked_by_workers_that_are_few() -> None:
    """One process that hashes for everybody stands still while somebody guesses."""
    older = lines_of(_SITE, "mail", f"{_CONF}/10-auth.conf")
    assert "driver = dict" in older
    assert "args = /etc/dovecot/mailprov/users" not in older
    assert "auth_worker_max_count = 4" in older
    newer = lines_of(_SITE, "mail", f"{_CONF}/10-auth.conf", "debian-13")
    assert "use_worker = yes" in newer
    assert "process_limit = 4" in newer


def test_what_the_older_dovecot_looks_passwords_up_in_says_the_same_as_the_list_of_users() -> None:
    users = lines_of(_SITE, "mail", "/etc/dovecot/mailprov/users")
    passwords = lines_of(_SITE, "mail", "/etc/dovecot/mailprov/passwords")
    rows = [line.split(":") for line in users]
    pairs = list(zip(passwords[::2], passwords[1::2], strict=True))
    assert pairs == [(f"shared/{row[0]}", row[1]) for row in rows]


def test_what_one_user_may_hold_from_sixteen_addresses_leaves_room_for_others() -> None:
    master = "\n".join(lines_of(_SITE, "mail", f"{_CONF}/10-master.conf"))
    limits = dict(re.findall(r"^service (\S+) \{\nprocess_limit = (\d+)", master, re.MULTILINE))
    assert int(limits["imap-login"]) > 16 * _SITE.imap.connections
    assert int(limits["pop3-login"]) > 16 * _SITE.pop3.connections
    assert int(limits["managesieve-login"]) > 16 * 10
    assert int(limits["managesieve"]) > 16 * 10
    clients = [int(one) for one in re.findall(r"client_limit = (\d+)", master)]
    smtpd = 3 * 400
    assert min(clients) > sum(map(int, limits.values())) + smtpd


def test_a_password_that_was_taken_away_is_not_remembered() -> None:
    assert "auth_cache_size = 0" in lines_of(_SITE, "mail", f"{_CONF}/10-auth.conf")


def test_hashes_are_secret_and_readable_by_dovecot_alone() -> None:
    users = artifacts_of(_SITE, "mail")["/etc/dovecot/mailprov/users"]
    assert users.secret
    assert (users.owner, users.group, users.mode) == ("root", "dovecot", 0o640)
    assert _HASH not in repr(users)


def test_system_users_log_in_through_a_rule_of_their_own() -> None:
    site = site_of(
        _USERS.replace(_HASH, "{SHA512-CRYPT}$6$abcdefgh$" + "x" * 86), "accounts: system\n"
    )
    files = artifacts_of(site, "mail")
    assert "/etc/dovecot/mailprov/users" not in files
    rules = lines_of(site, "mail", "/etc/pam.d/mailprov")
    assert rules[0].split()[:3] == ["auth", "requisite", "pam_succeed_if.so"]
    assert rules[0].endswith("user ingroup mailusers")
    assert not any("include" in rule for rule in rules)


def test_a_port_that_is_off_has_a_listener_that_is_off() -> None:
    site = site_of(ONE_HOST, "imap: {ports: 993}\npop3: {ports: [995]}\n")
    lines = lines_of(site, "mail", f"{_CONF}/10-master.conf")
    ports = [line for line in lines if line.startswith("port =")]
    assert ports == ["port = 0", "port = 993", "port = 0", "port = 995"]


def test_cleartext_login_is_refused_by_default_and_open_where_one_service_asks() -> None:
    auth, imap = f"{_CONF}/10-auth.conf", f"{_CONF}/20-imap.conf"
    assert "disable_plaintext_auth = yes" in lines_of(site_of(ONE_HOST), "mail", auth)
    site = site_of(
        ONE_HOST, "imap: {cleartext_login: true}\nallow_insecure: {cleartext-login: old client}\n"
    )
    assert "disable_plaintext_auth = yes" in lines_of(site, "mail", auth)
    assert "disable_plaintext_auth = no" in lines_of(site, "mail", imap)
    assert "ssl = yes" in lines_of(site, "mail", f"{_CONF}/10-ssl.conf")
    assert "cleartext-login: old client" in artifacts_of(site, "mail")[auth].content.decode()


def test_the_other_dialect_says_the_same_of_cleartext_login() -> None:
    auth, imap = f"{_CONF}/10-auth.conf", f"{_CONF}/20-imap.conf"
    assert "auth_allow_cleartext = no" in lines_of(site_of(ONE_HOST), "mail", auth, "debian-13")
    site = site_of(
        ONE_HOST, "imap: {cleartext_login: true}\nallow_insecure: {cleartext-login: old client}\n"
    )
    assert "auth_allow_cleartext = no" in lines_of(site, "mail", auth, "debian-13")
    assert "auth_allow_cleartext = yes" in lines_of(site, "mail", imap, "debian-13")
    assert "ssl = yes" in lines_of(site, "mail", f"{_CONF}/10-ssl.conf", "debian-13")


def test_hashes_that_dovecot_2_4_calls_weak_are_taken_where_the_site_insists() -> None:
    auth, allowed = f"{_CONF}/10-auth.conf", "allow_insecure: {weak-hash: until Monday}\n"
    setting = "auth_allow_weak_schemes = yes"
    assert setting not in lines_of(site_of(ONE_HOST), "mail", auth, "debian-13")
    assert setting in lines_of(site_of(ONE_HOST, allowed), "mail", auth, "debian-13")


@pytest.mark.parametrize(
    ("pop3", "old", "new"),
    [
        ("classic", "%08Xu%08Xv", "%{uid | hex(8)}%{uidvalidity | hex(8)}"),
        ("guid", "%g", "%{guid}"),
    ],
)
def test_both_dialects_tell_messages_apart_alike(pop3: str, old: str, new: str) -> None:
    site = site_of(ONE_HOST, f"pop3: {{uidl: {pop3}}}\n")
    for platform, want in (("debian-12", old), ("debian-13", new)):
        lines = lines_of(site, "mail", f"{_CONF}/20-pop3.conf", platform)
        assert f"pop3_uidl_format = {want}" in lines


def test_the_configurations_version_is_the_first_setting_of_all() -> None:
    lines = lines_of(site_of(ONE_HOST), "mail", "/etc/dovecot/dovecot.conf", "debian-13")
    assert lines[:2] == ["dovecot_config_version = 2.4.0", "dovecot_storage_version = 2.4.0"]


def test_each_dialect_has_its_own_settings_of_the_site() -> None:
    site = site_of(ONE_HOST, 'dovecot: {"2.3": {mail_debug: "yes"}, "2.4": {log_debug: "*"}}\n')
    for platform, want in (("debian-12", "mail_debug = yes"), ("debian-13", "log_debug = *")):
        assert lines_of(site, "mail", f"{_CONF}/99-site.conf", platform) == [want]


def test_an_ipv4_host_does_not_listen_on_ipv6() -> None:
    assert "listen = *" in lines_of(site_of(ONE_HOST), "mail", "/etc/dovecot/dovecot.conf")
    both = site_of(ONE_HOST.replace("192.0.2.10", '[192.0.2.10, "2001:db8::10"]'))
    assert "listen = *, ::" in lines_of(both, "mail", "/etc/dovecot/dovecot.conf")


def test_settings_of_the_site_come_last() -> None:
    site = site_of(ONE_HOST, 'dovecot: {"2.3": {mail_max_lock_timeout: 30s}}\n')
    main = lines_of(site, "mail", "/etc/dovecot/dovecot.conf")
    assert main[-1] == "!include conf.d/99-site.conf"
    assert lines_of(site, "mail", f"{_CONF}/99-site.conf") == ["mail_max_lock_timeout = 30s"]


def test_settings_of_a_service_stand_in_its_block_where_it_has_one_already() -> None:
    options = """
dovecot:
  "2.3":
    service/auth/client_limit: "2048"
    service/imap/service_count: "100"
    mail_max_lock_timeout: 30s
    service/imap-login/service_count: "0"
    service/auth/vsz_limit: 1G
"""
    assert lines_of(site_of(ONE_HOST, options), "mail", f"{_CONF}/99-site.conf") == [
        "service/imap/service_count = 100",
        "mail_max_lock_timeout = 30s",
        "service auth {",
        "client_limit = 2048",
        "vsz_limit = 1G",
        "}",
        "service imap-login {",
        "service_count = 0",
        "}",
    ]


def test_a_setting_that_stands_in_a_protocols_block_has_the_last_word_there_too() -> None:
    options = """
dovecot:
  "2.3":
    mail_plugins: $mail_plugins quota
    mail_max_userip_connections: "100"
    pop3_uidl_format: "%g"
    mail_max_lock_timeout: 30s
"""
    site = site_of(ONE_HOST, options)
    # What builds on it, as lmtp's `$mail_plugins sieve`, has to come after it.
    assert lines_of(site, "mail", f"{_CONF}/05-site.conf") == [
        "mail_plugins = $mail_plugins quota",
        "mail_max_userip_connections = 100",
        "pop3_uidl_format = %g",
    ]
    assert lines_of(site, "mail", f"{_CONF}/99-site.conf") == [
        "mail_max_lock_timeout = 30s",
        "protocol imap {",
        "mail_max_userip_connections = 100",
        "}",
        "protocol pop3 {",
        "mail_max_userip_connections = 100",
        "pop3_uidl_format = %g",
        "}",
    ]
    main = lines_of(site, "mail", "/etc/dovecot/dovecot.conf")
    included = [line.split("/")[-1] for line in main if line.startswith("!include")]
    assert (included[0], included[-1]) == ("05-site.conf", "99-site.conf")


@pytest.mark.parametrize("platform", ["debian-12", "debian-13"])
def test_only_named_parts_are_included_and_all_of_them_are_rendered(platform: str) -> None:
    files = artifacts_of(site_of(ONE_HOST), "mail", platform)
    main = lines_of(site_of(ONE_HOST), "mail", "/etc/dovecot/dovecot.conf", platform)
    included = [line.split()[1] for line in main if line.startswith("!include")]
    assert included
    assert not any("*" in part for part in included)
    assert {f"/etc/dovecot/{part}" for part in included} == {
        path for path in files if path.startswith(_CONF)
    }
