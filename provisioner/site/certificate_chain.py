"""Whether the certificates of a file lead to a root that clients know, and in which order.

A server shows its own certificate and every intermediate up to a root (RFC 8446 section
4.4.2). Without one of them some clients fail, and those that have met it elsewhere do not,
which is why nobody notices at first.
"""

from __future__ import annotations

import os
import ssl
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import AuthorityInformationAccessOID

from provisioner.diagnostics import quoted
from provisioner.model.values import InvalidValueError

Roots = Callable[[], Iterable[x509.Certificate]]

# Where systems have the roots that they trust, in one file.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
_WANT = "the host's own certificate, then every intermediate up to a root that clients trust"


@cache
def system_roots() -> tuple[x509.Certificate, ...]:
    """Return the roots that this machine trusts; none where it has no such file."""
    paths = ssl.get_default_verify_paths()
    named = os.environ.get(paths.openssl_cafile_env)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in [named] if named else [paths.cafile, *_BUNDLES]:
        with suppress(OSError, TypeError):  # TypeError: the system names no such file
            context.load_verify_locations(cafile=path)
            return tuple(_read(context.get_ca_certs(binary_form=True)))
    return ()


def _read(certificates: Iterable[bytes]) -> list[x509.Certificate]:
    found = []
    with warnings.catch_warnings():
        # Among them are old ones that break a rule of today: that is nothing to tell of here.
        warnings.simplefilter("ignore")
        for der in certificates:
            with suppress(ValueError):
                found.append(x509.load_der_x509_certificate(der))
    return found


def chain_to_serve(
    certificates: Sequence[x509.Certificate], now: datetime, roots: Roots = system_roots
) -> list[x509.Certificate]:
    """Return the certificates as a server has to show them: the first, then each one's issuer.

    What is in order stays as it is; a second copy is left out. roots: those that clients know.
    Raises InvalidValueError where an intermediate is missing or is not valid now.
    """
    listed = list(dict.fromkeys(certificates))
    path = _path(listed, now)
    end = path[-1]
    if end.issuer != end.subject and not any(
        _issued(one, root) for one in path for root in roots()
    ):
        expired = [one for one in listed if one not in path and _issued(end, one)]
        raise _out_of_date(expired[0]) if expired else _missing_issuer(end)
    if listed[: len(path)] == path:
        return listed
    return [*path, *(one for one in listed if one not in path)]


def strangers(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the certificates that none before them was issued by, in the order of serving."""
    return [
        one
        for place, one in enumerate(certificates)
        if place and not any(lower.issuer == one.subject for lower in certificates[:place])
    ]


def _path(listed: list[x509.Certificate], now: datetime) -> list[x509.Certificate]:
    path = listed[:1]
    while path[-1].issuer != path[-1].subject:
        issuers = [
            one
            for one in listed
            if one not in path
            and one.not_valid_before_utc <= now <= one.not_valid_after_utc
            and _issued(path[-1], one)
        ]
        if not issuers:
            break
        path.append(issuers[0])
    return path


def _issued(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    if lower.issuer != upper.subject:
        return False
    try:
        lower.verify_directly_issued_by(upper)
    except UnsupportedAlgorithm:
        return True  # the names agree, and more is not to be found out here
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _missing_issuer(end: x509.Certificate) -> InvalidValueError:
    where = f", which is at {place}" if (place := _issuer_place(end)) else ""
    return InvalidValueError(
        "an intermediate certificate is missing, so many clients would refuse to connect",
        got=f"{quoted(end.subject.rfc4514_string())}, but not its issuer, "
        f"{quoted(end.issuer.rfc4514_string())}",
        want=_WANT,
        fix=f"append the issuer's certificate{where}, in PEM, or name the file of the whole "
        "chain (fullchain.pem); append your own root too, or make this machine trust it",
    )


def _out_of_date(issuer: x509.Certificate) -> InvalidValueError:
    start, end = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    return InvalidValueError(
        "an intermediate certificate is not valid today, so clients would refuse to connect",
        got=f"{quoted(issuer.subject.rfc4514_string())}, valid from {start:%Y-%m-%d} to "
        f"{end:%Y-%m-%d}",
        want=_WANT,
        fix="replace it by the issuer's present certificate",
    )


def _issuer_place(certificate: x509.Certificate) -> str:
    """Return where the issuer's certificate is to be had, as the certificate says; or nothing."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return ""
    places = [
        one.access_location.value
        for one in found.value
        if one.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    ]
    return quoted(places[0]) if places else ""
