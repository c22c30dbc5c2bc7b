"""Rules about the smarthost: mail has to reach it, unread, and by one way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.model.file.relay import WrittenRelay
from provisioner.model.problems import SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.services import SMTP_PORT, SUBMISSION_PORT, SUBMISSIONS_PORT
from provisioner.model.site import Allowance

RELAY_PORTS: Mapping[str, int] = {
    "required": SUBMISSION_PORT,
    "wrapped": SUBMISSIONS_PORT,
    "none": SMTP_PORT,
}
"""The usual port of each kind of TLS (RFC 8314 section 3.3, RFC 5321 section 4.5.4.2)."""
_MEANT = {SUBMISSIONS_PORT: "wrapped", SUBMISSION_PORT: "required", SMTP_PORT: "required"}


def judge_relay(reading: Reading) -> Iterator[SiteProblem]:
    """Require a relay that is another server, over TLS, with a whole login or none."""
    relay = reading.file.relay
    if relay is None:
        return
    if relay.tls == "none" and Allowance.CLEARTEXT_RELAY not in reading.file.allow_insecure:
        yield SiteProblem(
            ("relay", "tls"),
            "no TLS to the relay: an attacker could read mail and the relay's password",
            got="none",
            want="required, or wrapped",
            fix="use `tls: required`, or give a reason: "
            f"`allow_insecure: {{{Allowance.CLEARTEXT_RELAY}: REASON}}`",
        )
    yield from _judge_port(relay)
    yield from _judge_login(relay)
    if relay.host in {reading.fqdn(key) for key in reading.file.hosts}:
        yield SiteProblem(
            ("relay", "host"),
            "the relay is a host of this site: mail would loop",
            got=relay.host,
            want="another server that relays mail",
            fix="name the provider's server, or remove `relay` if this site sends by itself",
        )
    if relay.tls == "none" and relay.ca_file is not None:
        yield SiteProblem(
            ("relay", "ca_file"),
            "a certificate authority, but no TLS",
            got="tls: none",
            want="tls: required, or wrapped",
            fix="remove `ca_file`, or `tls: none`",
        )


def _judge_port(relay: WrittenRelay) -> Iterator[SiteProblem]:
    meant = _MEANT.get(relay.port or 0)
    # A relay that offers STARTTLS may also be spoken to without.
    if meant is None or relay.tls in {meant, "none"}:
        return
    starts = {"wrapped": "TLS from the start", "required": "cleartext, and STARTTLS"}
    yield SiteProblem(
        ("relay", "port"),
        f"port {relay.port} begins with {starts[meant]}: no connection would succeed",
        got=f"port {relay.port} and tls: {relay.tls}",
        want=f"tls: {meant} with port {relay.port}, or port {RELAY_PORTS[relay.tls]}",
        fix=f"write `tls: {meant}`, or remove `port`",
    )


def _judge_login(relay: WrittenRelay) -> Iterator[SiteProblem]:
    if (relay.user is None) == (relay.password is None):
        return
    missing = "user" if relay.user is None else "password"
    yield SiteProblem(
        ("relay",),
        f"an incomplete login: `{missing}` is missing",
        got="`password` alone" if relay.user is None else "`user` alone",
        want="both, or neither if the relay accepts this site by its address",
        fix=f"add `{missing}`; the password is a reference, like {{env: RELAY_PASSWORD}}",
    )
