"""Further DNS records: names, types and data as people write them.

Data is parsed by dnspython and written back in its canonical presentation form
(RFC 1035 section 5.1), so that what reaches the resolver has one spelling and no
comment, parenthesis or escape that another parser could read differently.
"""

from __future__ import annotations

from typing import Self

from provisioner.model.names import canonical_zone
from provisioner.model.scalars import UNSAFE
from provisioner.model.values import InvalidValueError, TextValue

_TYPES = ("A", "AAAA", "MX", "TXT", "SRV", "CAA", "NS", "PTR", "TLSA", "SSHFP")
_LISTED = ", ".join(_TYPES)
_CHUNK = 255
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
        if not text.strip() or UNSAFE.search(text) or len(text) > _LONGEST:
            raise InvalidValueError(
                "not the data of a record",
                want="data as in a zone file, on one line",
                fix="write what follows the type in a zone file",
            )
        return cls(text)


def parse_record_data(rtype: str, data: str, origin: str) -> str:
    """Return record data in canonical presentation form; names end in a dot.

    origin: the domain that relative names in the data belong to. A TXT value that does
    not start with a quote is the text itself. Raises InvalidValueError.
    """
    # dnspython is a third of a second of imports and most sites have no further records.
    from dns import exception, name, rdata  # noqa: PLC0415 see above

    text = _txt_strings(data) if rtype == "TXT" and not data.startswith('"') else data
    try:
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


def _txt_strings(text: str) -> str:
    octets = text.encode()
    chunks = [octets[start : start + _CHUNK] for start in range(0, len(octets), _CHUNK)]
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
