"""The operator's own certificate: read, checked, and put together for the daemons.

A key that does not belong to its certificate, or a certificate that has expired, is
found out here and not by the first client after the reload.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from provisioner.diagnostics import quoted
from provisioner.facts.certificate import dns_names
from provisioner.model.names import DomainName
from provisioner.model.values import InvalidValueError
from provisioner.site.certificate_chain import chain_to_serve, strangers
from provisioner.site.key_encoding import encode_key
from provisioner.site.references import others_can_read, read_octets

_LEAST_RSA_BITS = 2048
"""OpenSSL's security level 2, which Debian sets, refuses shorter keys."""

_SOON = timedelta(days=14)


def read_key(path: Path) -> PrivateKeyTypes:
    """Return a private key in PEM without a passphrase; InvalidValueError if it is none."""
    octets = read_octets(path)
    want = "an unencrypted private key in PEM"
    try:
        key = serialization.load_pem_private_key(octets, password=None)
    except TypeError as error:
        raise InvalidValueError(
            "the private key is encrypted",
            got=f"an encrypted key in {path}",
            want=want,
            fix=f"decrypt it: openssl pkey -in {path} -out NEW",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        kind = "a certificate" if b"BEGIN CERTIFICATE" in octets else "no private key in PEM"
        raise InvalidValueError(
            "not a private key", got=f"{kind} in {path}", want=want, fix="name the key's file"
        ) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _LEAST_RSA_BITS:
        raise InvalidValueError(
            "an RSA key that is too short",
            got=f"{key.key_size} bits",
            want=f"{_LEAST_RSA_BITS} bits or more",
            fix="make a new key and certificate",
        )
    return key


def read_certificates(
    path: Path, want: str = "certificates in PEM, the host's own first"
) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, in its order; InvalidValueError if none."""
    octets = read_octets(path, limit=1024 * 1024)
    try:
        return x509.load_pem_x509_certificates(octets)
    except ValueError as error:
        kind = "a private key" if b"PRIVATE KEY" in octets else "no certificate in PEM"
        raise InvalidValueError(
            "not a certificate",
            got=f"{kind} in {path}",
            want=want,
            fix="name the certificate's file",
        ) from error


def check_pair(chain: list[x509.Certificate], key: PrivateKeyTypes, now: datetime) -> None:
    """Raise InvalidValueError unless the first certificate is the key's and is valid now.

    So has every certificate to be on the way from it to a root.
    """
    leaf = chain[0]
    if _public(leaf.public_key()) != _public(key.public_key()):
        other = any(_public(one.public_key()) == _public(key.public_key()) for one in chain)
        raise InvalidValueError(
            "the certificate and the key do not belong together",
            got=f"a certificate of {quoted(leaf.subject.rfc4514_string())} and another key",
            want="the certificate of this key, first in its file",
            fix="put the host's own certificate first"
            if other
            else "name two files that belong together",
        )
    start, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if not start <= now <= end:
        raise InvalidValueError(
            "a certificate that has expired" if now > end else "a certificate not valid yet",
            got=f"valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}",
            want="a certificate that is valid now",
            fix="renew the certificate",
        )
    chain_to_serve(chain, now)


def warn_chain(
    chain: list[x509.Certificate], key_file: Path, names: Iterable[DomainName], now: datetime
) -> Iterator[tuple[str, InvalidValueError]]:
    """Yield what a client may stumble over: which of the files it is about, and what."""
    leaf = chain[0]
    missing = [name for name in names if not covers(leaf, name)]
    if missing:
        yield (
            "certificate",
            InvalidValueError(
                "the certificate does not name every host that uses TLS",
                got=f"no {', '.join(missing)}",
                want="a subjectAltName for each host",
                fix="renew the certificate with these names",
            ),
        )
    if leaf.not_valid_after_utc - now < _SOON:
        yield (
            "certificate",
            InvalidValueError(
                "the certificate expires soon",
                got=f"valid until {leaf.not_valid_after_utc:%Y-%m-%d}",
                want=f"{_SOON.days} days or more",
                fix="renew the certificate",
            ),
        )
    served = chain_to_serve(chain, now)
    if served != chain:
        yield (
            "certificate",
            InvalidValueError(
                "the certificates are out of order or repeated",
                got=f"{len(chain)} certificates",
                want="each certificate followed by its issuer's",
                fix="order the file: the host's own certificate first, then each issuer; "
                "mailprov orders them itself until then",
            ),
        )
    for other in strangers(served):
        yield (
            "certificate",
            InvalidValueError(
                "the file has a certificate that issued none of the others",
                got=quoted(other.subject.rfc4514_string()),
                want="the host's own certificate and its issuers",
                fix="remove the certificate",
            ),
        )
    if others_can_read(key_file):
        yield (
            "key",
            InvalidValueError(
                "other users can read the private key",
                got=str(key_file),
                want="mode 0600",
                fix=f"chmod 600 {key_file}",
            ),
        )


def combined_pem(chain: list[x509.Certificate], key: PrivateKeyTypes, now: datetime) -> bytes:
    """Return key and certificates in one PEM, the key first, as smtpd_tls_chain_files wants it."""
    return encode_key(key, chain[0]) + certificates_pem(chain_to_serve(chain, now))


def certificates_pem(chain: Iterable[x509.Certificate]) -> bytes:
    """Return certificates in one PEM, in their order, and nothing that stood between them."""
    pem = serialization.Encoding.PEM
    return b"".join(certificate.public_bytes(pem) for certificate in chain)


def own_roots(chain: list[x509.Certificate]) -> str:
    """Return the certificates that signed themselves, in PEM; empty where none did."""
    return certificates_pem(one for one in chain if one.issuer == one.subject).decode("ascii")


def covers(certificate: x509.Certificate, name: DomainName) -> bool:
    """Tell whether a certificate's DNS names, wildcards included, hold a name (RFC 6125)."""
    parent = "*." + name.partition(".")[2]
    listed = {text.lower() for text in dns_names(certificate)}
    return name in listed or parent in listed


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
