"""A smarthost in main.cf: never without TLS or its check, unless the site allows that."""

from __future__ import annotations

import pytest
from unit.render.sites import ONE_HOST, artifacts_of, lines_of, site_of

from provisioner.daemons.postfix.relay import relay_view, render_relay_ca
from provisioner.daemons.postfix.secrets import relay_login_path, render_relay_login
from provisioner.diagnostics import MailprovError
from provisioner.model.daemon_secrets import RELAY_PASSWORD
from provisioner.model.secrets import DaemonSecret, DaemonSecrets
from provisioner.model.site import Relay
from provisioner.platforms.records import known_platforms, platform_named
from provisioner.render.artifact import Plane
from provisioner.render.daemon_secrets import is_secret_path

LOGIN = "user: me@example.net, password: {env: P}"
MAIN = "/etc/postfix/main.cf"


def main_cf(relay: str, more: str = "", platform: str = "debian-12") -> dict[str, str]:
    lines = lines_of(site_of(ONE_HOST, f"relay: {relay}\n{more}"), "mail", MAIN, platform)
    pairs = (line.partition(" = ") for line in lines)
    return {name: value for name, _, value in pairs if name.startswith(("relayhost", "smtp_"))}


@pytest.mark.parametrize("platform", [platform.name for platform in known_platforms()])
def test_a_relay_is_spoken_to_over_tls_that_holds_its_name(platform: str) -> None:
    got = main_cf(f"{{host: smtp.example.net, {LOGIN}}}", platform=platform)
    assert got["relayhost"] == "[smtp.example.net]:587"
    assert got["smtp_tls_security_level"] == "secure"
    assert got["smtp_tls_secure_cert_match"] == "nexthop"
    assert got["smtp_tls_CAfile"] == platform_named(platform).ca_bundle
    assert "noplaintext" in got["smtp_sasl_security_options"]
    assert "noplaintext" not in got["smtp_sasl_tls_security_options"]
    assert "smtp_tls_wrappermode" not in got
    assert "smtp_dns_support_level" not in got


def test_tls_from_the_start_has_its_own_parameter() -> None:
    got = main_cf("{host: smtp.example.net, tls: wrapped}")
    assert got["relayhost"] == "[smtp.example.net]:465"
    assert got["smtp_tls_wrappermode"] == "yes"
    assert got["smtp_tls_security_level"] == "secure"
    assert not any(name.startswith("smtp_sasl") for name in got)


def test_cleartext_is_done_only_as_the_site_allows() -> None:
    more = "allow_insecure: {cleartext-relay: the next rack}\n"
    relay = f"{{host: smtp.example.net, tls: none, {LOGIN}}}"
    got = main_cf(relay, more)
    assert got["smtp_tls_security_level"] == "none"
    assert got["smtp_sasl_security_options"] == "noanonymous"
    text = artifacts_of(site_of(ONE_HOST, f"relay: {relay}\n{more}"), "mail")[MAIN].content
    assert b"# UNSAFE, allowed by site.yaml: cleartext-relay: the next rack" in text


def test_the_password_is_in_a_file_of_its_own_that_no_generation_has() -> None:
    artifacts = artifacts_of(
        site_of(ONE_HOST, f"relay: {{host: smtp.example.net, {LOGIN}}}\n"), "mail"
    )
    (file,) = (one for path, one in artifacts.items() if is_secret_path(path))
    assert (file.mode, file.owner, file.group, file.secret) == (0o600, "root", "root", True)
    assert file.plane is Plane.SECRETS
    assert f"texthash:{file.path}" in artifacts[MAIN].content.decode()


def test_other_authorities_are_another_file_that_main_cf_names() -> None:
    """A process of Postfix may not read new authorities beside the main.cf before."""
    relay = Relay.model_validate({"host": "smtp.example.net", "ca_file": "ca.pem"})
    platform = platform_named("debian-12")
    paths = []
    for authorities in (b"-----BEGIN A", b"-----BEGIN B"):
        (file,) = render_relay_ca(relay, platform, authorities)
        assert file.content.endswith(authorities)
        assert relay_view(relay, platform, authorities, "").ca_file == file.path
        paths.append(file.path)
    assert paths[0] != paths[1]


@pytest.mark.parametrize(
    "other", [{"host": "other.example.net"}, {"port": 2587}, {"user": "you@example.net"}]
)
def test_another_login_is_another_file(other: dict[str, object]) -> None:
    given = {"host": "smtp.example.net", "port": 587, "user": "me@example.net"}
    platform = platform_named("debian-12")
    paths = {
        relay_login_path(Relay.model_validate(values), platform)
        for values in (given, given | other)
    }
    assert len(paths) == 2


def _login(password: str) -> str:
    relay = Relay.model_validate({"host": "smtp.example.net", "user": "me"})
    secrets = DaemonSecrets({RELAY_PASSWORD: DaemonSecret(password, "f00d")})
    (file,) = render_relay_login(relay, platform_named("debian-12"), secrets)
    return file.content.decode()


def test_a_password_stands_in_its_row_as_it_is() -> None:
    head, tag, row = _login("p:a #ss $word").splitlines()
    assert row == "[smtp.example.net]:587 me:p:a #ss $word"
    assert (head.startswith("# Managed by mailprov"), tag) == (True, "# f00d")


def test_a_password_that_cannot_be_written_is_not_shown_either() -> None:
    with pytest.raises(MailprovError) as refusal:
        _login("hunter2 ")
    (told,) = refusal.value.diagnostics
    assert told.got == "a secret"
    assert "hunter2" not in str(refusal.value)
