"""Secrets in the daemons' own words: refused where everybody could read them, held where not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.model.daemon_secrets import judge_rows, named_secrets
from provisioner.model.secrets import HeldSecret, SecretReference
from provisioner.model.values import InvalidValueError
from provisioner.site.load import LoadedSite

Refused = Callable[[str | bytes], list[str]]
Loaded = Callable[[str], LoadedSite]


def _main(name: str, value: str) -> str:
    return f"postfix: {{main: {{{name}: '{value}'}}}}\n"


@pytest.mark.parametrize(
    "more",
    [
        _main("smtp_sasl_password_maps", "static:user:hunter2"),
        _main("lmtp_sasl_password_maps", "inline:{[a.example]=user:hunter2}"),
        _main("relayhost", "user:hunter2@smtp.example.net"),
        _main("relayhost", "smtp://user:hunter2@smtp.example.net"),
        _main("virtual_alias_maps", "pgsql:host=db user=x password=hunter2 dbname=m"),
        _main("virtual_alias_maps", "inline:{PassWord = hunter2}"),
        _main("users_bind_pw", "hunter2"),
        _main("source_password", "hunter2"),
        "postfix: {master: {x/unix: {command: pipe argv=/bin/x --password=hunter2}}}\n",
        "postfix: {master: {smtp/unix: {smtp_sasl_password_maps: 'static:a:hunter2'}}}\n",
        'dovecot: {"2.3": {imapc_password: hunter2}}\n',
        'dovecot: {"2.3": {submission_relay_password: hunter2}}\n',
        'dovecot: {"2.3": {ssl_key_password: hunter2}}\n',
        'dovecot: {"2.3": {doveadm_api_key: hunter2}}\n',
        'dovecot: {"2.3": {auth_policy_server_api_header: "Authorization: Basic hunter2"}}\n',
        'dovecot: {"2.4": {mail_path: "imapc://me:hunter2@host/"}}\n',
        'dovecot: {"2.4": {ldap_auth_dn_password: hunter2}}\n',
        'dovecot: {"2.4": {oauth2_client_secret: hunter2}}\n',
        "unbound: {server: {cookie-secret: hunter2}}\n",
    ],
)
def test_a_secret_that_everybody_could_read_is_refused_unshown(
    refused: Refused, beginner: str, more: str
) -> None:
    """People wrote the relay's password into main.cf, which is 0644, and sent plans around."""
    (told,) = refused(beginner + more)
    assert told.endswith("every user of the host could read it, and plans would show it")
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "more",
    [
        _main("transport_maps", "static:smtp:[relay.example.net]"),
        _main("virtual_uid_maps", "static:5000"),
        _main("virtual_alias_maps", "inline:{root=alice@example.org}"),
        _main("header_checks", r"regexp:{{/^Subject:.*x@y/ DISCARD}}"),
        _main("default_transport", "smtp:[relay.example.net]:587"),
        _main("local_transport", "error:see postmaster@example.org"),
        _main("always_bcc", "alice@example.org"),
        _main("smtp_sasl_password_maps", "hash:/etc/postfix/sasl_passwd"),
        _main("virtual_alias_maps", "mysql:/etc/postfix/aliases.cf"),
        _main("my_variable", "password=$secret"),
        'dovecot: {"2.3": {auth_verbose_passwords: "no", ssl_key_password: "</etc/dovecot/pw"}}\n',
        'dovecot: {"2.3": {auth_default_realm: example.org, default_pass_scheme: CRYPT}}\n',
        'unbound: {server: {interface: ["192.0.2.1@853", "2001:db8::1@853"]}}\n',
        """unbound: {server: {local-data: 'a.example. TXT "password=public"'}}\n""",
        "unbound: {server: {tls-service-key: /etc/unbound/key}}\n",
    ],
)
def test_what_looks_a_little_like_a_secret_is_none(
    loaded: Loaded, beginner: str, more: str
) -> None:
    assert loaded(beginner + more)


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (
            "postfix: {main: {smtp_sasl_password_maps: {secret: {env: S}}}}\n",
            ("postfix", "main", "smtp_sasl_password_maps"),
        ),
        (
            "postfix: {master: {smtp/unix: {smtp_generic_maps: {secret: {env: S}}}}}\n",
            ("postfix", "master", "smtp/unix", "smtp_generic_maps"),
        ),
        (
            'dovecot: {"2.3": {imapc_password: {secret: {env: S}}}}\n',
            ("dovecot", "2.3", "imapc_password"),
        ),
        (
            "unbound: {server: {cookie-secret: {secret: {env: S}}}}\n",
            ("unbound", "server", "cookie-secret"),
        ),
    ],
)
def test_a_secret_by_reference_is_held(
    loaded: Loaded, beginner: str, more: str, place: tuple[str, ...]
) -> None:
    site = loaded(beginner + more).site
    assert list(named_secrets(site)) == [(place, SecretReference(source="env", value="S"))]


@pytest.mark.parametrize(
    "more",
    [
        "postfix: {main: {mynetworks: {secret: {env: S}}}}\n",
        "postfix: {main: {relayhost: {secret: {env: S}}}}\n",
        "postfix: {master: {x/unix: {command: {secret: {env: S}}}}}\n",
        'dovecot: {"2.3": {ssl: {secret: {env: S}}}}\n',
        'dovecot: {"2.3": {service/auth/user: {secret: {env: S}}}}\n',
        "unbound: {server: {access-control: {secret: {env: S}}}}\n",
        "unbound: {server: {interface: [192.0.2.1, {secret: {env: S}}]}}\n",
    ],
)
def test_no_secret_goes_where_no_file_is_read_or_past_what_is_judged(
    refused: Refused, beginner: str, more: str
) -> None:
    told = refused(beginner + more)
    assert any("cannot read one from a separate file" in each for each in told)


def test_an_option_has_one_secret(refused: Refused, beginner: str) -> None:
    both = "[{secret: {env: S}}, {secret: {env: T}}]"
    told = refused(f"{beginner}unbound: {{server: {{cookie-secret: {both}}}}}\n")
    assert len(told) == 2
    assert all("a secret among several values" in each for each in told)


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("{secret: hunter2}", "a secret in the file"),
        ("{password: hunter2}", "a map that is not a secret"),
        ("{}", "a map that is not a secret"),
        ("{secret: {env: S}, env: T}", "a map that is not a secret"),
        ("{secret: {env: S, file: T}}", "not a reference to a secret"),
    ],
)
def test_a_map_that_is_no_reference_is_refused_unshown(
    refused: Refused, beginner: str, value: str, want: str
) -> None:
    (told,) = refused(f"{beginner}postfix: {{main: {{x_maps: {value}}}}}\n")
    assert want in told
    assert "hunter2" not in told


def test_the_text_of_a_held_secret_is_the_place_and_nothing_else() -> None:
    held = HeldSecret.of(SecretReference(source="command", value=("pass", "show", "relay")))
    assert held == "{secret: {command: pass show relay}}"
    assert held.reference.value == ("pass", "show", "relay")


@pytest.mark.parametrize("text", ["[a]:587 u:p", "# why\n[a]:587\tu:p w\n\n[b] v:q"])
def test_rows_of_a_lookup_table_pass_as_they_are(text: str) -> None:
    assert judge_rows(text) == text


@pytest.mark.parametrize("text", ["hunter2", "[a] u:p\n  hunter2", "[a] u:p\nhunter2"])
def test_what_is_no_row_is_refused_unshown(text: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        judge_rows(text)
    assert "hunter2" not in f"{refusal.value} {refusal.value.got}"
