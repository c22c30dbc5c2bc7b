"""A private key in PEM, of the algorithm that its certificate names.

An RSA key is the same numbers under two names: rsaEncryption, and RSASSA-PSS, which says
with which signatures it may be used (RFC 4055 section 1.2). Where key and certificate differ in
the name, OpenSSL takes them for no pair, and a library that reads the numbers writes the
plain name.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import PublicKeyAlgorithmOID

_SEQUENCE, _OCTETS, _VERSION = 0x30, 0x04, 0xA0
_ZERO = b"\x02\x01\x00"
_LONG_FORM = 0x80
_PEM_WIDTH = 64


def encode_key(key: PrivateKeyTypes, certificate: x509.Certificate) -> bytes:
    """Return the key in PEM (PKCS #8, not encrypted), named as in its certificate."""
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    if certificate.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSASSA_PSS:
        return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    numbers = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, none
    )
    body = _ZERO + _algorithm(certificate) + _element(_OCTETS, numbers)
    text = base64.b64encode(_element(_SEQUENCE, body)).decode("ascii")
    lines = "\n".join(textwrap.wrap(text, _PEM_WIDTH))
    return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n".encode()


def _algorithm(certificate: x509.Certificate) -> bytes:
    """Return the AlgorithmIdentifier of the public key, parameters and all (RFC 5280 4.1)."""
    ((_, _, fields),) = _elements(certificate.tbs_certificate_bytes)
    listed = [one for one in _elements(fields) if one[0] != _VERSION]
    # serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
    _, _, info = listed[5]
    _, algorithm, _ = next(_elements(info))
    return algorithm


def _elements(der: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the elements of DER: the tag, the whole element, and what is in it."""
    position = 0
    while position < len(der):
        start, size, position = position, der[position + 1], position + 2
        if size & _LONG_FORM:
            more = size - _LONG_FORM
            size, position = int.from_bytes(der[position : position + more]), position + more
        yield der[start], der[start : position + size], der[position : position + size]
        position += size


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, _LONG_FORM + len(octets))) + octets + content
