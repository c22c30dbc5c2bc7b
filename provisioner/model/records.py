"""Further DNS records: names, types and data as people write them.

Data is parsed by dnspython and written back in its canonical presentation form
(RFC 1035 section 5.1), so that what reaches the resolver has one spelling and no
comment, parenthesis or escape that another parser could read differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from provisioner.model.names import canonical_zone
from provisioner.model.scalars import UNSAFE
from provisioner.model.values import InvalidValueError, TextValue

_TYPES = ("A", "AAAA", "MX", "TXT", "SRV", "CAA", "NS", "PTR", "TLSA", "SSHFP")
_LISTED = ", ".join(_TYPES)
_CHUNK = 255
_BLANKS = re.compile(r"[\n\t]")
_ZONE_FILE = re.compile(r'\s*\(?\s*"')
_WHOLE_LINE = re.compile(r'\s*(\S+\s+)?(\d\w*\s+)?IN\s+(\d\w*\s+)?TXT\s+\(?\s*"', re.IGNORECASE)
_LONGEST = 65535


class RecordType(TextValue):
    """A record type that a site file may give."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the type; raise InvalidValueError if it is not one of the supported."""
        if text in _TYPES:
            return cls(text)
        if text.upper() in _TYPES:
            raise InvalidValueError(
                "a record type in lower case", want=f"one of {_LISTED}", fix=f"write {text.upper()}"
            )
        if text.upper() == "CNAME":
            raise InvalidValueError(
                "a CNAME record: Unbound does not follow one in local data",
                want=f"one of {_LISTED}",
                fix="write A and AAAA records with the addresses of the target",
            )
        if text.upper() == "SOA":
            raise InvalidValueError(
                "a second SOA record",
                want=f"one of {_LISTED}",
                fix="leave it out: every domain of the site has one already",
            )
        raise InvalidValueError(
            "a record type that is not supported", want=f"one of {_LISTED}", fix="use one of these"
        )


class OwnerName(TextValue):
    """The name that records belong to, as written: `@`, `www`, `_dmarc.example.org`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the name; raise InvalidValueError if it is no owner of records."""
        if text.startswith("*"):
            raise InvalidValueError(
                "a wildcard: Unbound does not expand one in local data",
                want="a name like www",
                fix="list the names",
            )
        if text == ".":
            raise InvalidValueError(
                "records of the root", want="a name like www", fix="write @ for the domain itself"
            )
        if text != "@":
            canonical_zone(text)
        return cls(text)

    def within(self, domains: tuple[str, ...]) -> str:
        """Return the full name; the first domain is the one that relative names belong to."""
        if self == "@":
            return domains[0]
        name = canonical_zone(self)
        absolute = self.endswith(".") or any(
            name == domain or name.endswith(f".{domain}") for domain in domains
        )
        return name if absolute else f"{name}.{domains[0]}"


class RecordData(TextValue):
    """The data of a record as written; `parse_record_data` knows what its type makes of it."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the data; raise InvalidValueError if no record can hold it."""
        # A zone file goes on over lines within parentheses.
        if not text.strip() or UNSAFE.search(_BLANKS.sub(" ", text)) or len(text) > _LONGEST:
            raise InvalidValueError(
                "not the data of a record",
                want="data as in a zone file",
                fix="write what follows the type in a zone file",
            )
        return cls(text)


def parse_record_data(rtype: str, data: str, origin: str) -> str:
    """Return record data in canonical presentation form; names end in a dot.

    The data may be what a zone file has there, with parentheses, several strings, comments and
    escapes. origin: the domain that relative names in the data belong to. A TXT value that
    starts neither with a quote nor with a parenthesis and one is the text itself. Raises
    InvalidValueError.
    """
    # dnspython is a third of a second of imports and most sites have no further records.
    from dns import exception, name, rdata  # noqa: PLC0415 see above

    try:
        text = _txt_data(data) if rtype == "TXT" else data
        parsed = rdata.from_text(
            "IN", rtype, text, origin=name.from_text(f"{origin}."), relativize=False
        )
        return parsed.to_text()
    except (exception.DNSException, ValueError) as problem:
        raise InvalidValueError(
            f"not the data of a record of type {rtype}",
            want=_EXAMPLES[rtype],
            fix="write what follows the type in a zone file",
        ) from problem


def _txt_data(data: str) -> str:
    """Return the strings of a TXT record, none longer than one may be, for a zone file.

    Raises InvalidValueError for a whole line of a zone file, and dnspython's errors.
    """
    from dns import tokenizer  # noqa: PLC0415 as in parse_record_data

    if _WHOLE_LINE.match(data):
        raise InvalidValueError(
            "a whole line of a zone file where the text of a TXT record is wanted",
            want=_EXAMPLES["TXT"],
            fix='write what follows TXT in it, from the first quote or "(" on',
        )
    if not _ZONE_FILE.match(data):
        text = data.rstrip("\n")  # which ends a block of YAML
        if UNSAFE.search(text):
            raise InvalidValueError(
                "a text of several lines or with tabs",
                want=_EXAMPLES["TXT"],
                fix="write it on one line",
            )
        return _txt_strings([text.encode()])
    reader = tokenizer.Tokenizer(data.strip())
    # What dns.rdtypes.txtbase does, but for the length of a string.
    return _txt_strings([one.unescape_to_bytes().value for one in reader.get_remaining()])


def _txt_strings(texts: Iterable[bytes]) -> str:
    chunks = [
        octets[start : start + _CHUNK]
        for octets in texts
        for start in range(0, len(octets) or 1, _CHUNK)
    ]
    return " ".join('"' + "".join(_escaped(octet) for octet in chunk) + '"' for chunk in chunks)


def _escaped(octet: int) -> str:
    character = chr(octet)
    if character in '"\\':
        return f"\\{character}"
    return character if character.isascii() and character.isprintable() else f"\\{octet:03d}"


_EXAMPLES = {
    "A": "an IPv4 address, like 192.0.2.80",
    "AAAA": "an IPv6 address, like 2001:db8::80",
    "MX": "preference and host, like 10 mail.example.org.",
    "TXT": "a text, like v=spf1 mx -all",
    "SRV": "priority, weight, port and host, like 0 1 993 mail.example.org.",
    "CAA": 'flags, tag and value, like 0 issue "ca.example.net"',
    "NS": "a name server, like ns.example.org.",
    "PTR": "a host, like mail.example.org.",
    "TLSA": "usage, selector, matching type and digest, like 3 1 1 …",
    "SSHFP": "algorithm, type and fingerprint, like 4 2 …",
}
