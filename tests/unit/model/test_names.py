"""Names: what is accepted, in which spelling, and what is refused with which advice."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.names import (
    DomainKey,
    DomainName,
    HostKey,
    LocalPart,
    MailAddress,
    Mailbox,
    ZoneName,
    canonical_zone,
)
from provisioner.model.targets import Target
from provisioner.model.values import InvalidValueError, TextValue

HARMFUL = re.compile(r"[\s\x00-\x1f\x7f-\x9f\"'`$%#:\\/|;<>(){}\[\],]")
# An address elsewhere may have more; it stands in tables of Postfix's alone (RFC 5322, 3.2.3).
HARMFUL_IN_A_TABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\":\\;<>()\[\],]")
LONG_LABEL = "a" * 63
LONGEST_NAME = f"{LONG_LABEL}.{LONG_LABEL}.{LONG_LABEL}.{'a' * 61}"


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("example.org", "example.org"),
        ("EXAMPLE.Org", "example.org"),
        ("example.org.", "example.org"),
        ("faß.de", "xn--fa-hia.de"),
        ("Faß.de", "xn--fa-hia.de"),
        ("xn--fa-hia.de", "xn--fa-hia.de"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("例え.jp", "xn--r8jz45g.jp"),
        (f"{LONG_LABEL}.org", f"{LONG_LABEL}.org"),
        (LONGEST_NAME, LONGEST_NAME),
        ("1.example.org", "1.example.org"),
    ],
)
def test_a_domain_name_has_one_spelling(written: str, want: str) -> None:
    assert DomainName.parse(written) == want


@pytest.mark.parametrize(
    "written",
    [
        "",
        ".",
        "example",
        "example.org..",
        ".example.org",
        "a..b",
        "-a.org",
        "a-.org",
        "a_b.org",
        "a b.org",
        "a\n.org",
        "a\0.org",
        "a$b.org",
        "a%b.org",
        "a#b.org",
        'a"b.org',
        "a'b.org",
        "a:b.org",
        "a\\b.org",
        "a/b.org",
        "*.example.org",
        "\u202eexample.org",
        "exam\u200bple.org",
        "exa\uff2dple.org",
        "example\u3002org",
        "192.0.2.1",
        "2001:db8::1",
        "[2001:db8::1]",
        "host.123",
        f"{'a' * 64}.org",
        f"a{LONGEST_NAME}",
        f"{'ü' * 60}.org",
        "xn--a.org",
        "xn--zzzzzz.org",
        "☃.example",
        "a" * 10_000,
        ".".join("a" * 5_000),
        "ü" * 10_000,
    ],
)
def test_what_is_no_domain_name_is_refused(written: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        DomainName.parse(written)
    assert refusal.value.summary
    assert refusal.value.want
    assert refusal.value.fix


@pytest.mark.parametrize(
    ("written", "want"),
    [(".", "."), ("com", "com"), ("COM.", "com"), ("_tcp.Example.org", "_tcp.example.org")],
)
def test_a_zone_may_be_the_root_one_label_or_a_service(written: str, want: str) -> None:
    assert canonical_zone(written) == want
    assert ZoneName.parse(written).canonical == want


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("Alice", "write alice"),
        ("alice+news", "remove + and the detail"),
        ("a" * 65, "shorten"),
        ("..", "remove"),
        (".a", "remove"),
        ("a.", "remove"),
        ("a..b", "remove"),
        ("a/b", "remove"),
        ("a b", "remove"),
        ("-a", "remove"),
        ("a%b", "remove"),
        ("a$b", "remove"),
        ("#a", "remove"),
        ('"a"', "remove"),
        ("a'b", "remove"),
        ("a:b", "remove"),
        ("a\\b", "remove"),
        ("a\n", "remove"),
        ("a\0", "remove"),
        ("\u202ea", "remove"),
        ("jürgen", "remove"),
        ("a|b", "remove"),
        ("", "remove"),
        ("a" * 10_000, "shorten"),
    ],
)
def test_what_is_no_user_name_is_refused(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        LocalPart.parse(written)
    assert fix in refusal.value.fix
    assert refusal.value.want


@pytest.mark.parametrize("written", ["alice", "a.b", "a-b", "a_b", "_a", "0", "a-", "a" * 64])
def test_a_user_name_stays_as_it_is(written: str) -> None:
    assert LocalPart.parse(written) == written


@pytest.mark.parametrize(
    ("written", "fix"), [("Mail", "write mail"), ("mail.example", "`fqdn`"), ("", ""), ("a_b", "")]
)
def test_a_host_key_is_one_lower_case_label(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        HostKey.parse(written)
    assert fix in refusal.value.fix


def test_an_address_knows_its_parts() -> None:
    address = MailAddress.parse("alice@Example.ORG.")
    assert (address, address.local, address.domain) == (
        "alice@example.org",
        "alice",
        "example.org",
    )


@pytest.mark.parametrize("written", ["alice", "@example.org", "alice@", "a@b@example.org"])
def test_half_an_address_is_refused(written: str) -> None:
    with pytest.raises(InvalidValueError):
        MailAddress.parse(written)


def test_a_mailbox_keeps_its_spelling_and_completes_a_bare_name() -> None:
    domain = DomainName.parse("example.org")
    assert Mailbox.parse("alice").at(domain) == "alice@example.org"
    full = Mailbox.parse("alice@Example.NET")
    assert full == "alice@Example.NET"
    assert full.at(domain) == "alice@example.net"


def test_a_catch_all_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="catch-all"):
        Mailbox.parse("@example.org")


def test_a_foreign_target_keeps_its_case_and_detail() -> None:
    target = Target.parse("Bob+News@Example.NET")
    assert target.at(DomainName.parse("example.org")) == "Bob+News@example.net"


@pytest.mark.parametrize(
    "written",
    ["o'brien@elsewhere.example", "a/b=c@gate.example", "A!#$%&'*+/=?^_`{|}~-.z@elsewhere.example"],
)
def test_an_address_elsewhere_may_have_every_letter_of_a_dot_atom(written: str) -> None:
    """People have apostrophes in their names, and gateways put slashes and equal signs in."""
    assert Target.parse(written).at(DomainName.parse("example.org")) == written


@pytest.mark.parametrize("written", ["alice+sales", "alice+a/b=c", "alice+sales@example.org"])
def test_a_target_may_have_a_detail(written: str) -> None:
    """Mail to alice+sales arrived, and yet an alias to it was said to lead nowhere."""
    address = Target.parse(written).at(DomainName.parse("example.org"))
    assert address == written.partition("@")[0] + "@example.org"
    assert address.base == "alice@example.org"


@pytest.mark.parametrize(
    ("written", "summary"),
    [
        ("|/bin/cat", "pipe"),
        ('"|/bin/cat -n"', "pipe"),
        ("|x@example.org", "pipe"),
        ("/var/mail/x", "file"),
        ("/x@example.org", "file"),
        ("~/mail", "file"),
        (":include:/etc/list", "include"),
        ("alice, bob", "several targets"),
        ("@example.org", "without a user"),
        ("Alice", "upper-case"),
        ("a\nb@example.org", "not a mail address"),
        ('"a b"@example.org', "not a mail address"),
        ("a..b@example.org", "not a mail address"),
        ("-a@example.org", "not a mail address"),
        ("alice+a b", "a detail"),
        ("+sales", r"with \+"),
    ],
)
def test_a_target_that_is_no_address_is_refused_by_name(written: str, summary: str) -> None:
    with pytest.raises(InvalidValueError, match=summary):
        Target.parse(written)


@pytest.mark.parametrize("kind", [DomainName, DomainKey, HostKey, LocalPart, MailAddress, Mailbox])
@given(text=st.one_of(st.text(), st.from_regex(r"[a-zA-Z0-9ü._@+:%$-]{1,80}", fullmatch=True)))
def test_whatever_is_accepted_is_safe_in_every_language(kind: type[TextValue], text: str) -> None:
    try:
        value = kind.parse(text)
    except InvalidValueError:
        return
    assert not HARMFUL.search(value)
    assert "\u202e" not in value


@given(st.from_regex(r"[a-zA-Z0-9üß-]{1,20}(\.[a-z0-9-]{1,20}){1,3}\.?", fullmatch=True))
def test_parsing_a_domain_name_again_changes_nothing(text: str) -> None:
    try:
        name = DomainName.parse(text)
    except InvalidValueError:
        return
    assert DomainName.parse(name) == name
    assert name.isascii()
    assert len(name) <= 253


@given(st.text(max_size=80))
def test_parsing_a_target_never_lets_a_marker_through(text: str) -> None:
    try:
        value = Target.parse(text)
    except InvalidValueError:
        return
    assert not HARMFUL_IN_A_TABLE.search(value)
    assert not value.startswith(("|", "/", ":", "~", "-"))
