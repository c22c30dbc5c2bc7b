"""Resource records in one spelling, so that what two programs print can be compared."""

from __future__ import annotations

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
from dns.rdtypes.ANY.TXT import TXT


def canonical(records: frozenset[str], rdtype: str) -> frozenset[str]:
    """Return records in one spelling: absolute names in lower case, dnspython's text form.

    What dnspython cannot read stays as it is, in lower case, and will match only itself.
    """
    return frozenset(_canonical(text, rdtype) for text in records)


def _canonical(text: str, rdtype: str) -> str:
    try:
        rdata = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.from_text(rdtype),
            text,
            origin=dns.name.root,
            relativize=False,
        )
    except (dns.exception.DNSException, ValueError):
        return text.lower()
    if isinstance(rdata, TXT):
        return '"' + b"".join(rdata.strings).decode("utf-8", "replace") + '"'
    return rdata.to_text().lower()
