"""The certificate that lies on a host: whose it is, and how long it lasts (RFC 5280)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

LASTS = timedelta(days=30)
"""With less than this left, a certificate that the host made for itself is made anew."""


@dataclass(frozen=True)
class HostCertificate:
    """A certificate and the moment at which it was read, by the host's clock.

    fingerprint: SHA-256 of the certificate in DER, lower-case hexadecimal. subject: whom it names
    (RFC 4514). names: the DNS names that it is for. authority: whether it says that it may
    sign others (RFC 5280 section 4.2.1.9), as those of earlier versions did.
    """

    fingerprint: str
    subject: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    read_at: datetime
    authority: bool = False

    def flaw(self, name: str) -> str:
        """Return why a host has to make another one for this name, empty if it need not."""
        if name not in self.names:
            return f"it is for {', '.join(self.names) or 'no name'}"
        if self.begins > self.read_at:
            # The clock was ahead when it was made.
            return f"it is not valid before {self.begins:%Y-%m-%d}"
        if self.read_at >= self.ends - LASTS:
            return f"it expires on {self.ends:%Y-%m-%d}"
        if self.authority:
            return "it may sign for other names (CA:TRUE)"
        return ""


def parse_certificate(rows: Sequence[str]) -> HostCertificate | None:
    """Return the certificate that the observing program told, None where there is none.

    rows: the host's clock in seconds since 1970, then the certificate in PEM.
    """
    if len(rows) < 2:  # noqa: PLR2004 the clock alone
        return None
    # Where nothing is observed, nobody waits for it to load.
    from cryptography import x509  # noqa: PLC0415 see above
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 see above

    try:
        found = x509.load_pem_x509_certificate("\n".join(rows[1:]).encode())
        return HostCertificate(
            fingerprint=found.fingerprint(SHA256()).hex(),
            subject=found.subject.rfc4514_string(),
            names=dns_names(found),
            begins=found.not_valid_before_utc,
            ends=found.not_valid_after_utc,
            read_at=datetime.fromtimestamp(int(rows[0]), UTC),
            authority=_is_authority(found),
        )
    except damages():
        return None


def damages() -> tuple[type[Exception], ...]:
    """Return what reading a certificate raises that is damaged, or that no daemon would take."""
    from cryptography import x509  # noqa: PLC0415 see above

    return (
        ValueError,
        OverflowError,  # a time that there is not
        OSError,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    from cryptography import x509  # noqa: PLC0415 see above

    try:
        extension = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return extension.value.ca


def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names that a certificate is for, as it writes them (RFC 5280 4.2.1.6)."""
    from cryptography import x509  # noqa: PLC0415 see above

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))
