"""Signed DNS zones for a lab's own internet, made here and not by a name server.

Pure but for the key material: records go in as text, a signed zone file comes out.
Each signed zone has one ECDSA P-256 key that signs everything (a CSK), NSEC for
what is not there, and signatures that hold from a month ago for ten years, so that
a lab that is used again, or a host whose clock is off, still sees a valid world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from dns.rdtypes.ANY.DNSKEY import DNSKEY

TTL = 30
_ALGORITHM = dns.dnssectypes.Algorithm.ECDSAP256SHA256
_CSK_FLAGS = 257
_PAST = timedelta(days=30)
_FUTURE = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class ZoneSpec:
    """A zone: absolute name with its dot, records as zone-file lines, and its key as PEM.

    Names in records are relative to the zone unless they end in a dot. key is "" for
    a zone that is not signed, and whose parent says so.
    """

    name: str
    records: tuple[str, ...]
    key: str = ""


def make_zone_key() -> str:
    """Return a new private key as PEM."""
    pem = generate_private_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    return pem.decode()


def parent_of(name: str, names: Sequence[str]) -> str | None:
    """Return the closest zone among names that lies above `name`, or None for the root."""
    zone = dns.name.from_text(name)
    above = [
        other
        for other in map(dns.name.from_text, names)
        if other != zone and zone.is_subdomain(other)
    ]
    return max(above, key=len).to_text() if above else None


def ds_records(spec: ZoneSpec) -> list[str]:
    """Return a zone's DS record data (tag, algorithm, digest type, digest); none if unsigned."""
    if not spec.key:
        return []
    _, dnskey = _key_pair(spec)
    name = dns.name.from_text(spec.name)
    return [dns.dnssec.make_ds(name, dnskey, dns.dnssectypes.DSDigest.SHA256).to_text()]


def dnskey_record(spec: ZoneSpec) -> str:
    """Return a signed zone's DNSKEY record data."""
    return _key_pair(spec)[1].to_text()


def render_zone(
    spec: ZoneSpec, children: Sequence[ZoneSpec], *, server: str, serial: int, now: datetime
) -> str:
    """Return the zone file, signed if the zone has a key.

    children are the zones directly below it: they get a delegation, and a DS if
    they are signed. server is the absolute name of the one name server. now is
    when the zone is made, with a time zone. Raises ValueError (dnspython's own
    exceptions derive from it or from DNSException) for records that are none.
    """
    origin = dns.name.from_text(spec.name)
    lines = [
        f"@ {TTL} IN SOA {server} hostmaster.example. {serial} 3600 600 864000 5",
        f"@ {TTL} IN NS {server}",
        *spec.records,
    ]
    for child in children:
        lines.append(f"{child.name} {TTL} IN NS {server}")
        lines += [f"{child.name} {TTL} IN DS {data}" for data in ds_records(child)]
    text = f"$TTL {TTL}\n" + "\n".join(lines) + "\n"
    zone = dns.zone.from_text(text, origin=origin, relativize=False, check_origin=True)
    if spec.key:
        dns.dnssec.sign_zone(
            zone, keys=[_key_pair(spec)], inception=now - _PAST, expiration=now + _FUTURE
        )
    rendered: str = zone.to_text(relativize=False)
    return rendered


def _key_pair(spec: ZoneSpec) -> tuple[EllipticCurvePrivateKey, DNSKEY]:
    private = load_pem_private_key(spec.key.encode(), password=None)
    if not isinstance(private, EllipticCurvePrivateKey):
        message = f"the key of zone {spec.name} is no elliptic-curve key"
        raise TypeError(message)
    public = private.public_key()
    dnskey = dns.dnssec.make_dnskey(public, _ALGORITHM, flags=_CSK_FLAGS)
    return private, dnskey
