"""Further DNS records: data has one spelling, TXT needs no quotes, CNAME is explained."""

import re

import pytest
from dns import rdata
from dns.rdtypes.ANY.TXT import TXT
from hypothesis import given
from hypothesis import strategies as st

from provisioner.model.records import OwnerName, RecordData, RecordType, parse_record_data
from provisioner.model.scalars import UNSAFE
from provisioner.model.values import InvalidValueError

SITE = ("example.org", "example.net")


@pytest.mark.parametrize(
    ("written", "want"),
    [
        ("@", "example.org"),
        ("www", "www.example.org"),
        ("a.b", "a.b.example.org"),
        ("_dmarc", "_dmarc.example.org"),
        ("www.example.org", "www.example.org"),
        ("www.example.net", "www.example.net"),
        ("example.net", "example.net"),
        ("WWW.Example.Net.", "www.example.net"),
        ("10.2.0.192.in-addr.arpa.", "10.2.0.192.in-addr.arpa"),
        ("notexample.net", "notexample.net.example.org"),
    ],
)
def test_an_owner_is_relative_unless_it_says_otherwise(written: str, want: str) -> None:
    assert OwnerName.parse(written).within(SITE) == want


@pytest.mark.parametrize("written", ["*", "*.example.org", ".", "", "a b", "a..b", "a/b", "a\n"])
def test_what_owns_no_records_is_refused(written: str) -> None:
    with pytest.raises(InvalidValueError):
        OwnerName.parse(written)


@pytest.mark.parametrize(
    ("written", "fix"),
    [("CNAME", "write A and AAAA"), ("SOA", "leave it out"), ("a", "write A"), ("SPF", "use one")],
)
def test_other_types_are_refused_with_the_way_out(written: str, fix: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        RecordType.parse(written)
    assert fix in refusal.value.fix


@pytest.mark.parametrize(
    ("rtype", "written", "want"),
    [
        ("A", "192.0.2.80", "192.0.2.80"),
        ("AAAA", "2001:DB8:0::80", "2001:db8::80"),
        ("MX", "10 mail", "10 mail.example.org."),
        ("MX", "10 mail.example.net.", "10 mail.example.net."),
        ("TXT", "v=spf1 mx -all", '"v=spf1 mx -all"'),
        ("TXT", "v=DKIM1; k=rsa; p=abc", '"v=DKIM1; k=rsa; p=abc"'),
        ("TXT", '"one" "two"', '"one" "two"'),
        ("TXT", 'say "hi" \\ bye', r'"say \"hi\" \\ bye"'),
        ("TXT", "ü", r'"\195\188"'),
        ("TXT", "a" * 300, f'"{"a" * 255}" "{"a" * 45}"'),
        ("SRV", "0 1 993 mail", "0 1 993 mail.example.org."),
        ("CAA", '0 issue "ca.example.net"', '0 issue "ca.example.net"'),
        ("NS", "ns", "ns.example.org."),
        ("PTR", "mail.example.org.", "mail.example.org."),
        ("TLSA", f"3 1 1 {'AB' * 32}", f"3 1 1 {'ab' * 32}"),
        ("SSHFP", f"4 2 {'AB' * 32}", f"4 2 {'ab' * 32}"),
        ("A", "192.0.2.80 ; the web", "192.0.2.80"),
    ],
)
def test_data_has_one_spelling(rtype: str, written: str, want: str) -> None:
    assert parse_record_data(rtype, written, "example.org") == want


@pytest.mark.parametrize(
    ("rtype", "written"),
    [
        ("A", "2001:db8::1"),
        ("A", "www"),
        ("A", "192.0.2.1 192.0.2.2"),
        ("AAAA", "192.0.2.1"),
        ("MX", "mail.example.org"),
        ("MX", "99999 mail"),
        ("TXT", '"open'),
        ("SRV", "0 1 mail"),
        ("CAA", "issue"),
        ("TLSA", "3 1 1 xyz"),
        ("SSHFP", "4"),
        ("NS", "a..b"),
    ],
)
def test_malformed_data_is_refused_with_an_example(rtype: str, written: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_record_data(rtype, written, "example.org")
    assert refusal.value.want
    assert refusal.value.fix


OPENDKIM = """( "v=DKIM1; h=sha256; k=rsa; "
\t  "p=MIIBIjANBgkqh"
\t  "kiG9w0BAQEFAAOC" )  ; ----- DKIM key default for example.org
"""


@pytest.mark.parametrize(
    ("rtype", "pasted", "want"),
    [
        ("TXT", OPENDKIM, '"v=DKIM1; h=sha256; k=rsa; " "p=MIIBIjANBgkqh" "kiG9w0BAQEFAAOC"'),
        (
            "TXT",
            " ".join(OPENDKIM.split("\n\t  ")),
            '"v=DKIM1; h=sha256; k=rsa; " "p=MIIBIjANBgkqh" "kiG9w0BAQEFAAOC"',
        ),
        ("TXT", '"v=spf1 mx -all" ; the policy', '"v=spf1 mx -all"'),
        ("TXT", '("one")', '"one"'),
        ("TXT", r'"a\"b\; c"', r'"a\"b; c"'),
        ("TXT", f'"{"a" * 300}"', f'"{"a" * 255}" "{"a" * 45}"'),
        ("TXT", '"" "b"', '"" "b"'),
        ("TXT", "(not quoted) is a text", '"(not quoted) is a text"'),
        ("TXT", "a block\n", '"a block"'),
        ("MX", "10 mail ; the first", "10 mail.example.org."),
        ("MX", "( 10\n\tmail )", "10 mail.example.org."),
        ("SRV", "( 0 1 993 ; imaps\n mail )", "0 1 993 mail.example.org."),
        ("CAA", '0 issue "ca.example.net" ; who may', '0 issue "ca.example.net"'),
        ("TLSA", f"3 1 1 ( {'ab' * 16}\n  {'cd' * 16} )", f"3 1 1 {'ab' * 16}{'cd' * 16}"),
    ],
)
def test_what_stands_in_a_zone_file_is_understood(rtype: str, pasted: str, want: str) -> None:
    """The file that opendkim-genkey writes was published letter for letter, brackets and all."""
    assert parse_record_data(rtype, RecordData.parse(pasted), "example.org") == want


@pytest.mark.parametrize(
    "line",
    [
        'default._domainkey IN TXT ( "v=DKIM1; k=rsa; " "p=abc" ) ; ----- DKIM key',
        'default._domainkey 3600 in txt "v=DKIM1"',
        'IN TXT "v=DKIM1"',
        "two\nlines",
    ],
)
def test_a_whole_line_of_a_zone_file_is_not_published_as_a_text(line: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        parse_record_data("TXT", RecordData.parse(line), "example.org")
    assert refusal.value.fix


def _is_plain(text: str) -> bool:
    return not re.match(r'\s*\(?\s*"', text)


@given(st.text(min_size=1, max_size=600).filter(_is_plain))
def test_a_plain_txt_value_arrives_as_it_was_written(text: str) -> None:
    try:
        data = parse_record_data("TXT", RecordData.parse(text), "example.org")
    except InvalidValueError:
        assert UNSAFE.search(text) or not text.strip()
        return
    read_back = rdata.from_text("IN", "TXT", data)
    assert isinstance(read_back, TXT)
    assert b"".join(read_back.strings).decode() == text.rstrip("\n")
    assert data.isascii()
    assert data.isprintable()
