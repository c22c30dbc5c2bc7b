"""What a generation says besides its files."""

from __future__ import annotations

import pytest
from unit.render.sites import ONE_HOST, TWO_HOSTS, site_of

from provisioner.model.names import MailAddress
from provisioner.model.secrets import PasswordHash, SiteSecrets
from provisioner.plan.compile import compile_generation
from provisioner.plan.generation import Generation
from provisioner.platforms.records import platform_named
from provisioner.render.nature import Nature


def generation_of(text: str, host: str = "mail", platform: str = "debian-12") -> Generation:
    site = site_of(text)
    nature = Nature(platform_named(platform))
    return compile_generation(site, site.host(host), nature, SiteSecrets(), {})


@pytest.mark.parametrize(
    ("more", "want"),
    [
        ("", ("mail to abuse, hostmaster, mailer-daemon, postmaster, root goes to alice",)),
        (
            "aliases: {postmaster: x@elsewhere.example}\n",
            ("mail to abuse, hostmaster, root goes to alice",),
        ),
        (
            "aliases: {postmaster: alice, abuse: alice, hostmaster: alice, root: alice}\n",
            (),
        ),
    ],
)
def test_what_nobody_wrote_down_about_role_addresses_is_said(
    more: str, want: tuple[str, ...]
) -> None:
    notices = generation_of(ONE_HOST + more).notices
    assert notices == tuple(f"{text}@example.org, the first user" for text in want)


def test_the_mail_lies_where_the_accounts_have_it_and_only_on_the_store() -> None:
    assert generation_of(TWO_HOSTS).mail_root == "/srv/vmail"
    assert generation_of(TWO_HOSTS + "accounts: system\n").mail_root == "/home"
    assert generation_of(TWO_HOSTS, "ns").mail_root is None


@pytest.mark.parametrize(
    ("written", "platform", "told"),
    [
        ('"2.3": {mail_max_lock_timeout: 30s}', "debian-12", False),
        ('"2.3": {mail_max_lock_timeout: 30s}', "debian-13", True),
        ('"2.4": {mail_max_lock_timeout: 30s}', "debian-12", True),
        ('"2.3": {mail_max_lock_timeout: 30s}, "2.4": {}', "debian-13", False),
        ('"2.3": {}', "debian-13", False),
    ],
)
def test_settings_that_the_hosts_dovecot_does_not_speak_are_said_to_be_without_force(
    written: str, platform: str, *, told: bool
) -> None:
    text = f"{TWO_HOSTS}dovecot: {{{written}}}\n"
    said = [
        one for one in generation_of(text, "mail", platform).notices if "under `dovecot`" in one
    ]
    assert len(said) == told
    assert not any("under `dovecot`" in one for one in generation_of(text, "ns", platform).notices)


@pytest.mark.parametrize(
    ("text", "host", "dane"),
    [(ONE_HOST, "mail", True), (TWO_HOSTS, "ns", False), (TWO_HOSTS, "mail", False)],
)
def test_what_it_means_to_keep_resolv_conf_is_said(text: str, host: str, *, dane: bool) -> None:
    kept = text.replace("{address", "{resolv_conf: keep, address")
    (said,) = (one for one in generation_of(kept, host).notices if "resolv.conf" in one)
    assert said.startswith(f"{host}: /etc/resolv.conf stays as it is")
    assert ("DANE" in said) is dane
    assert not any("resolv.conf" in one for one in generation_of(text, host).notices)


def test_a_person_s_account_has_the_password_the_lock_and_the_name_of_the_user() -> None:
    alice, bob = "{password: {env: A}, name: Al Ice}", "{password: {env: B}, enabled: false}"
    users = f"users: {{alice: {alice}, bob: {bob}}}"
    site = site_of(f"{ONE_HOST.partition('users:')[0]}{users}\naccounts: system\n")
    hashed = PasswordHash("{SHA512-CRYPT}$6$salt$digest")
    secrets = SiteSecrets({MailAddress("alice@example.org"): hashed})
    nature = Nature(platform_named("debian-12"))
    generation = compile_generation(site, site.host("mail"), nature, secrets, {})
    people = [one for one in generation.accounts if not one.system]
    assert [(one.name, one.password, one.locked, one.comment) for one in people] == [
        ("alice", hashed, False, "Al Ice"),
        ("bob", None, True, ""),
    ]
    assert [one.system for one in people] == [False, False]
