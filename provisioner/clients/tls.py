"""TLS handshakes: one done properly, one of the past, one with a command in its wake.

The ClientHello of the past is written by hand, because whether a server still takes TLS
1.0 must not depend on what the controller's own TLS library can be talked into.
"""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime

from cryptography import x509

from provisioner.clients.sessions import client_for, secure
from provisioner.clients.stream import BrokenOff, Stream, shown
from provisioner.facts.certificate import damages, dns_names
from provisioner.model.services import Service
from provisioner.probes.tls import ChainAnswer, InjectionAnswer, OldTlsAnswer, TlsAnswer

_HANDSHAKE, _ALERT = 22, 21
_SERVER_HELLO = 2
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1"}
# What servers of that time took: ECDHE, DHE and RSA with AES-CBC and 3DES, SHA-1.
_OLD_SUITES = (0xC014, 0xC013, 0xC00A, 0xC009, 0x0039, 0x0033, 0x0035, 0x002F, 0x000A, 0x00FF)
_GROUPS = (23, 24, 25)
_SILENCE = 0.3  # seconds without an answer that count as none


def shake_hands(stream: Stream, service: Service, name: str, helo: str) -> TlsAnswer:
    """Start TLS as a user's client would and return what was agreed; raise BrokenOff on failure."""
    client = client_for(service, stream, helo)
    secure(client, stream, service, name)
    answer = agreed_tls(stream)
    client.quit()
    return answer


def agreed_tls(stream: Stream) -> TlsAnswer:
    """Return what was agreed on a stream; raise BrokenOff where it is nothing that makes sense."""
    secured = stream.secured
    cipher = secured.cipher() if secured else None
    if secured is None or cipher is None:
        raise BrokenOff("no TLS session was established")
    try:
        certificate = x509.load_der_x509_certificate(stream.certificate)
        names = dns_names(certificate)
    except damages() as problem:
        raise BrokenOff(f"a malformed certificate: {problem}") from problem
    return TlsAnswer(
        version=secured.version() or "none",
        cipher=cipher[0],
        fingerprint=stream.fingerprint,
        names=names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        asked_at=datetime.now(UTC),
    )


def trust_chain(stream: Stream, service: Service, name: str, helo: str, roots: str) -> ChainAnswer:
    """Start TLS as a client that knows roots only, and return what it has against the server."""
    stream.roots = roots
    client = client_for(service, stream, helo)
    try:
        secure(client, stream, service, name)
    except BrokenOff as end:
        return ChainAnswer(str(end))
    client.quit()
    return ChainAnswer("")


def offer_old_tls(stream: Stream, service: Service, name: str, helo: str) -> OldTlsAnswer:
    """Offer TLS 1.1 at most and return whether the server took it, in that version or an older."""
    client = client_for(service, stream, helo)
    if service.tls == "starttls":
        client.greet()
        client.ask_for_tls()
    stream.send(old_client_hello(name))
    try:
        kind, _, size = struct.unpack(">BHH", stream.read_exactly(5))
        body = stream.read_exactly(min(size, 6))
    except BrokenOff as end:
        return OldTlsAnswer(accepted="", words=str(end))
    if kind == _HANDSHAKE and body[:1] == bytes([_SERVER_HELLO]) and size >= 6:  # noqa: PLR2004 as read
        (version,) = struct.unpack(">H", body[4:6])
        return OldTlsAnswer(accepted=_VERSIONS.get(version, f"version {version:#06x}"), words="")
    if kind == _ALERT and body:
        return OldTlsAnswer(accepted="", words=f"TLS alert {body[-1]}")
    return OldTlsAnswer(accepted="", words=f"the reply is not TLS: {shown(bytes([kind]) + body)}")


def old_client_hello(name: str) -> bytes:
    """Return a ClientHello record of TLS 1.1 (RFC 4346 section 7.4.1.2) that asks for `name`."""
    host = name.encode("ascii")
    server_name = _sized(2, b"\0" + _sized(2, host))
    groups = _sized(2, b"".join(struct.pack(">H", group) for group in _GROUPS))
    extensions = (
        _extension(0, server_name) + _extension(10, groups) + _extension(11, _sized(1, b"\0"))
    )
    suites = b"".join(struct.pack(">H", suite) for suite in _OLD_SUITES)
    hello = (
        b"\x03\x02"
        + os.urandom(32)
        + _sized(1, b"")
        + _sized(2, suites)
        + _sized(1, b"\0")
        + _sized(2, extensions)
    )
    return b"\x16\x03\x01" + _sized(2, b"\x01" + _sized(3, hello))


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack(">H", kind) + _sized(2, body)


def _sized(width: int, body: bytes) -> bytes:
    return len(body).to_bytes(width, "big") + body


def inject_command(stream: Stream, service: Service, name: str, helo: str) -> InjectionAnswer:
    """Send a command behind STARTTLS in one packet; return what answers it inside TLS."""
    client = client_for(service, stream, helo)
    client.greet()
    stream.send(client.starttls_command + client.harmless_command)
    client.await_tls()
    try:
        stream.start_tls(name)
        if service.protocol == "sieve":
            client.resume()  # the capabilities, which come unasked
    except BrokenOff as end:
        # Ending the connection is a sound answer to injection, as Dovecot 2.4 does, which takes
        # the command for a malformed handshake; speaking in the clear is not.
        return InjectionAnswer("" if end.hung_up else str(end))
    try:
        return InjectionAnswer(shown(stream.read_line(within=_SILENCE)[:200]))
    except BrokenOff:
        return InjectionAnswer("")
