"""What a host finds on its way to other sites, in the words of Postfix's own client."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from provisioner.model.names import DomainName, HostKey, MailAddress
from provisioner.model.site import Alias, Host, Role, Site
from provisioner.probes.finding import Finding, Status
from provisioner.probes.way_out import parse_way_out, receivers_of, way_out_rows
from provisioner.probes.way_out_findings import judge_way_out, mail_cannot_leave, spare_the_world
from provisioner.remote.protocol import Answer

GREETED = """\
|posttls-finger: Connected to mail.outside.example[198.18.6.252]:25
|posttls-finger: < 220 mail.outside.example ESMTP Postfix
|posttls-finger: > EHLO mail.example.org
|posttls-finger: < 250 CHUNKING
|posttls-finger: > QUIT
|posttls-finger: < 221 2.0.0 Bye
|ended 0
"""
TIMED_OUT = """\
|posttls-finger: Failed to establish session to outside.example via mail.outside.example: \
connect to mail.outside.example[198.18.6.252]:25: Connection timed out
|ended 0
"""
REFUSED = """\
|posttls-finger: Connected to mail.outside.example[198.18.6.252]:25
|posttls-finger: SMTP service not available: 554 5.7.1 <unknown[10.89.6.4]>: Client host \
rejected: Access denied
|ended 0
"""
UNKNOWN = """\
|posttls-finger: Destination address lookup failed: Host or domain name not found. Name service \
error for name=outside.example type=A: Host not found
|ended 0
"""
UNROUTED = """\
|posttls-finger: Failed to establish session to [10.89.99.1]:587 via 10.89.99.1: connect to \
10.89.99.1[10.89.99.1]:587: Network is unreachable
|ended 0
"""
VERIFIED = GREETED.replace(
    "> QUIT", "Verified TLS connection established to mail.outside.example[198.18.6.252]:25"
)
UNVERIFIED = GREETED.replace(
    "> QUIT",
    "certificate verification failed for mail.outside.example[198.18.6.252]:25: "
    "self-signed certificate",
)
PUBLIC = "9.9.9.10"


def host(*addresses: str) -> Host:
    return Host(
        site=DomainName("example.org"),
        key=HostKey("mail"),
        fqdn=DomainName("mail.example.org"),
        addresses=tuple(map(ip_address, addresses or ("10.89.6.4",))),
        roles=frozenset(Role),
    )


def site(*targets: str, of: Host | None = None) -> Site:
    alias = Alias(MailAddress("away@example.org"), tuple(map(MailAddress, targets)))
    aliases = (alias,) if targets else ()
    return Site(
        domain=DomainName("example.org"), hosts=(of or host(),), domains=(), aliases=aliases
    )


def answer(  # noqa: PLR0913 what a host may find, by name
    reach: str = "",
    *,
    routes: str = "ipv4",
    relay: str = "",
    level: str = "dane",
    login: str | None = None,
    mechanisms: str = "yes",
    names: str = "",
) -> str:
    auth = "no" if login is None else "yes"
    settings = (
        f"relayhost\t{relay}\nsmtp_tls_security_level\t{level}\n"
        f"smtp_sasl_auth_enable\t{auth}\nmechanisms\t{mechanisms}\nfinger\tyes\n"
    )
    text = f"@settings\n{settings}@routes\n{routes}\n"
    if reach:
        text += f"@reach {relay or 'outside.example'}\n{reach}"
    if names:
        text += f"@names {PUBLIC}\n{names}"
    if login:
        text += f"@login\n{login}"
    return text + "@end\n"


def judged(text: str, of: Site | None = None, by: Host | None = None) -> dict[str, Finding]:
    by = by or host()
    found = parse_way_out(Answer.read(text.splitlines()))
    findings = judge_way_out(of or site("a@outside.example", of=by), by, found)
    return {one.id.removeprefix("leave.").removesuffix("@mail"): one for one in findings}


def statuses(text: str, of: Site | None = None, by: Host | None = None) -> dict[str, str]:
    return {name: one.status.value for name, one in judged(text, of, by).items()}


def test_the_receivers_are_those_that_the_site_names() -> None:
    named = site("a@one.example", "b@one.example", "alice@example.org", "c@two.example")
    named = named.model_copy(update={"domains": ()})
    assert receivers_of(named)[:2] == ("one.example", "example.org")
    assert receivers_of(site()) == ("gmail.com", "outlook.com")


def test_a_host_is_asked_for_receivers_and_its_public_addresses() -> None:
    rows = way_out_rows(site("a@one.example"), host("10.0.0.1", PUBLIC, "fd00::1"))
    assert rows == f"receiver\tone.example\naddress\t{PUBLIC}\n".encode()
    behind = host("10.0.0.1").model_copy(update={"public_addresses": (ip_address(PUBLIC),)})
    assert way_out_rows(site("a@one.example"), behind) == rows


def test_a_server_that_greets_shows_that_mail_can_leave() -> None:
    found = judged(answer(GREETED))["reach"]
    words = "mail.outside.example[198.18.6.252]:25: 220 mail.outside.example ESMTP Postfix"
    assert (found.status, found.got) == (Status.PASSED, words)


@pytest.mark.parametrize("said", ["", UNKNOWN])
def test_a_network_without_a_way_out_is_skipped_and_never_passes(said: str) -> None:
    routes = "ipv4" if said else ""
    assert statuses(answer(said, routes=routes))["reach"] == "skipped"


# Firewalls that say no answer as if there were no route. And a host without IPv6 may name the
# address that it could not try.
@pytest.mark.parametrize("said", [TIMED_OUT, UNROUTED])
def test_a_port_that_is_blocked_outward_is_named(said: str) -> None:
    """Verify passed 133 probes of a site that could not send: its provider closed port 25."""
    found = judged(answer(said))["reach"]
    assert found.status is Status.FAILED
    assert found.got.startswith(
        "outgoing port 25 is blocked, or no server is up: outside.example: "
    )
    assert "relay:" in found.remedy


def test_a_site_that_nobody_elsewhere_sees_is_warned_only() -> None:
    assert statuses(answer(TIMED_OUT), site())["reach"] == "warning"
    public = host(PUBLIC)
    assert statuses(answer(TIMED_OUT), site(of=public), public)["reach"] == "failed"


def test_a_server_that_refuses_the_host_is_quoted() -> None:
    found = judged(answer(REFUSED))["reach"]
    assert "554 5.7.1" in found.got
    assert "blocked" not in found.got


def test_one_receiver_that_answers_is_enough() -> None:
    text = answer(TIMED_OUT).replace("@end", f"@reach other.example\n{GREETED}@end")
    assert statuses(text)["reach"] == "passed"


RELAY = {"relay": "[smtp.example.net]:587", "level": "secure"}


def test_a_relay_that_answers_proves_itself_and_takes_the_login() -> None:
    text = answer(VERIFIED, login="|login\t235 2.7.0 Authentication successful\n", **RELAY)
    assert statuses(text) == {"reach": "passed", "certificate": "passed", "login": "passed"}


def test_a_relay_that_does_not_answer_is_all_that_is_said() -> None:
    assert statuses(answer(TIMED_OUT, login="", **RELAY)) == {"reach": "failed"}
    # Even without a default route: the relay may be next door.
    assert statuses(answer(UNROUTED, routes="", **RELAY)) == {"reach": "failed"}


def test_a_relay_with_another_certificate_never_sees_the_password() -> None:
    found = judged(answer(UNVERIFIED, login="", **RELAY))
    assert found["certificate"].status is Status.FAILED
    assert "self-signed" in found["certificate"].got
    assert found["login"].status is Status.SKIPPED


def test_a_relay_that_refuses_the_login_is_quoted() -> None:
    text = answer(VERIFIED, login="|login\t535 5.7.8 authentication failed\n", **RELAY)
    found = judged(text)["login"]
    assert (found.status, found.got) == (Status.FAILED, "535 5.7.8 authentication failed")


@pytest.mark.parametrize(
    ("login", "status", "got"),
    [
        ("|none\n", "failed", "Postfix has no password for this server"),
        (
            "|unoffered\n",
            "skipped",
            "it offers neither PLAIN nor LOGIN, and mailprov tries no other mechanism",
        ),
        ("|broken\tehlo\n", "failed", "it closed the connection after the ehlo"),
    ],
)
def test_other_ends_of_a_login(login: str, status: str, got: str) -> None:
    found = judged(answer(VERIFIED, login=login, **RELAY))["login"]
    assert (found.status.value, found.got) == (status, got)


def test_a_host_without_sasl_modules_cannot_log_in() -> None:
    """People met `no mechanism available`: the package with the modules was not there."""
    text = answer(VERIFIED, login="|login\t235 ok\n", mechanisms="no", **RELAY)
    assert statuses(text)["login"] == "failed"


def test_a_relay_that_nobody_asks_for_its_certificate_is_warned_of() -> None:
    text = answer(VERIFIED.replace("Verified", "Trusted"), relay="[a.example]", level="may")
    assert statuses(text) == {"reach": "passed", "unverified": "warning"}
    assert statuses(answer(GREETED, relay="[a.example]", level="none")) == {"reach": "passed"}


@pytest.mark.parametrize(
    ("names", "want"),
    [
        ("", {"name": "failed"}),
        ("|name\tmail.example.org\n|address\t10.0.0.1\n", {"name": "passed", "back": "skipped"}),
        (f"|name\thost.provider.example\n|address\t{PUBLIC}\n", {"name": "warning"}),
        ("|name\thost.provider.example\n|address\t9.9.9.11\n", {"name": "failed"}),
        ("|name\thost.provider.example\n", {"name": "failed"}),
    ],
)
def test_name_and_address(names: str, want: dict[str, str]) -> None:
    by = host(PUBLIC)
    found = statuses(answer(GREETED, names=names), site("a@outside.example", of=by), by)
    del found["reach"]
    assert found == {f"{name}.{PUBLIC}": status for name, status in want.items()}


def test_a_name_that_the_world_answers_for_has_to_lead_back() -> None:
    by = host(PUBLIC).model_copy(update={"roles": frozenset({Role.MX})})
    of = site("a@outside.example", of=by)
    back = f"|name\tmail.example.org\n|address\t{PUBLIC}\n"
    assert statuses(answer(GREETED, names=back), of, by)[f"name.{PUBLIC}"] == "passed"
    stray = "|name\tmail.example.org\n|address\t9.9.9.11\n"
    assert statuses(answer(GREETED, names=stray), of, by)[f"name.{PUBLIC}"] == "failed"


def test_without_names_from_elsewhere_nothing_is_said_of_the_hosts_own() -> None:
    by = host(PUBLIC)
    found = statuses(answer(UNKNOWN), site("a@outside.example", of=by), by)
    assert found == {"reach": "skipped", f"name.{PUBLIC}": "skipped"}


def test_a_host_without_postfixs_client_is_skipped() -> None:
    assert statuses(answer().replace("finger\tyes", "finger\tno")) == {"reach": "skipped"}


def test_the_worlds_faults_warn_and_are_told_as_what_they_are() -> None:
    findings = tuple(spare_the_world(judged(answer(TIMED_OUT)).values()))
    assert {one.status for one in findings} <= {Status.WARNING, Status.SKIPPED}
    assert mail_cannot_leave(findings).startswith("outgoing port 25 is blocked")
    assert not mail_cannot_leave(judged(answer(GREETED)).values())
