"""A smarthost in the site file: what is refused, where, and without a word of the password."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.model.secrets import SecretReference
from provisioner.model.site import Relay
from provisioner.site.load import LoadedSite

Refused = Callable[[str | bytes], list[str]]
Loaded = Callable[[str], LoadedSite]

LOGIN = "user: me, password: {env: P}"


@pytest.mark.parametrize(("tls", "port"), [("required", 587), ("wrapped", 465), ("none", 25)])
def test_each_kind_of_tls_has_its_usual_port(
    loaded: Loaded, beginner: str, tls: str, port: int
) -> None:
    allowed = "allow_insecure: {cleartext-relay: a lab}\n" if tls == "none" else ""
    text = f"{beginner}relay: {{host: Smtp.Example.Net., tls: {tls}, {LOGIN}}}\n{allowed}"
    assert loaded(text).site.relay == Relay(
        host="smtp.example.net",  # type: ignore[arg-type]
        port=port,
        tls=tls,  # type: ignore[arg-type]
        user="me",
        password=SecretReference(source="env", value="P"),
    )


def test_a_relay_without_login_and_with_an_authority_of_its_own(
    loaded: Loaded, beginner: str
) -> None:
    site = loaded(f"{beginner}relay: {{host: relay.example.net, ca_file: ca.pem}}\n").site
    assert site.relay is not None
    assert (site.relay.user, site.relay.password, site.relay.ca_file) == (None, None, "ca.pem")


@pytest.mark.parametrize(
    ("relay", "want"),
    [
        ("{}", "6:1: relay: the key `host` is missing"),
        ("{host: 192.0.2.1}", "6:15: relay.host: an IP address where a name is wanted"),
        (
            "{host: a.example.net, tls: none}",
            "6:35: relay.tls: no TLS to the relay",
        ),
        (
            "{host: a.example.net, tls: maybe}",
            "6:35: relay.tls: not a word that relay.tls knows",
        ),
        (
            "{host: a.example.net, user: me}",
            "6:8: relay: an incomplete login: `password` is missing",
        ),
        (
            "{host: a.example.net, password: {env: P}}",
            "6:8: relay: an incomplete login: `user` is missing",
        ),
        (
            "{host: a.example.net, user: 'a:b', password: {env: P}}",
            "6:36: relay.user: not a login name of a relay",
        ),
        (
            "{host: a.example.net, user: a, password: hunter2}",
            "6:49: relay.password: a secret in the file",
        ),
        (
            "{host: a.example.net, port: 465}",
            "6:36: relay.port: port 465 begins with TLS from the start",
        ),
        (
            "{host: a.example.net, port: 587, tls: wrapped}",
            "6:36: relay.port: port 587 begins with cleartext, and STARTTLS",
        ),
        (
            "{host: mail.example.org}",
            "6:15: relay.host: the relay is a host of this site",
        ),
    ],
)
def test_what_a_relay_cannot_be_is_told_at_its_place(
    refused: Refused, beginner: str, relay: str, want: str
) -> None:
    told = refused(f"{beginner}relay: {relay}\n")
    assert [each.startswith(want) for each in told] == [True]
    assert "hunter2" not in "".join(told)


@pytest.mark.parametrize(
    "more",
    [
        "postfix: {main: {smtp_tls_security_level: may}}",
        "postfix: {main: {relayhost: '[other.example.net]'}}",
        "postfix: {master: {smtp/unix: {smtp_tls_security_level: may}}}",
        "postfix: {master: {relay: {smtp_sasl_tls_security_options: ''}}}",
    ],
)
def test_nothing_else_may_say_how_the_relay_is_reached(
    refused: Refused, loaded: Loaded, beginner: str, more: str
) -> None:
    (told,) = refused(f"{beginner}relay: {{host: a.example.net}}\n{more}\n")
    assert "a parameter that `relay` sets" in told
    assert loaded(f"{beginner}{more}\n").site.relay is None


def test_a_transport_of_ones_own_may_go_another_way(loaded: Loaded, beginner: str) -> None:
    own = "{printer/unix: {command: smtp, smtp_tls_security_level: none}}"
    text = f"{beginner}relay: {{host: a.example.net}}\npostfix: {{master: {own}}}\n"
    assert loaded(text).site.relay


def test_a_relay_in_cleartext_is_warned_of_and_an_allowance_for_nothing_too(
    loaded: Loaded, beginner: str
) -> None:
    allowed = "allow_insecure: {cleartext-relay: the next rack}\n"
    relay = "relay: {host: a.example.net, tls: none}\n"
    (warning,) = loaded(f"{beginner}{relay}{allowed}").warnings
    assert "mail to the relay without TLS" in warning.summary
    (idle,) = loaded(f"{beginner}{allowed}").warnings
    assert "an unused allowance" in idle.summary
