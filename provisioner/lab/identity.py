"""Who a lab host is: the files that make a root tree one particular server.

Pure: keys go in, file contents come out. Names and addresses are those that an
installer would have written; nothing here tells a host that it is in a lab, except
that the resolver it is given is the lab's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from provisioner.lab.addresses import Address


@dataclass(frozen=True, slots=True)
class SshKey:
    """An SSH key pair: `algorithm` as in OpenSSH's file names, both halves as file text."""

    algorithm: str
    private: str
    public: str


@dataclass(frozen=True, slots=True)
class IdentityFile:
    """One file of a host: absolute path, content and permission bits; root owns it."""

    path: str
    content: str
    mode: int = 0o644


def make_ssh_key(algorithm: str) -> SshKey:
    """Return a new key; algorithm is `ed25519` or `ecdsa`."""
    key = (
        Ed25519PrivateKey.generate()
        if algorithm == "ed25519"
        else generate_private_key(SECP256R1())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return SshKey(algorithm, private.decode(), public.decode())


@dataclass(frozen=True, slots=True)
class LabIdentity:
    """All that tells one lab host from another.

    fqdn may be ""; authorized_key is the public key that may log in as root;
    nameservers are addresses of the lab's internet; machine_id is 32 hexadecimal digits.
    """

    name: str
    fqdn: str
    addresses: Sequence[Address]
    nameservers: Sequence[str]
    machine_id: str
    host_keys: Sequence[SshKey]
    authorized_key: str


def render_identity(identity: LabIdentity) -> list[IdentityFile]:
    """Return the files that give a fresh tree its name, keys and resolver."""
    names = f"{identity.fqdn} {identity.name}".strip()
    hosts = [
        "127.0.0.1\tlocalhost",
        "::1\t\tlocalhost ip6-localhost ip6-loopback",
        *(f"{address}\t{names}" for address in identity.addresses),
    ]
    files = [
        IdentityFile("/etc/hostname", f"{identity.name}\n"),
        IdentityFile("/etc/hosts", "\n".join(hosts) + "\n"),
        IdentityFile("/etc/machine-id", f"{identity.machine_id}\n", 0o444),
        IdentityFile(
            "/etc/resolv.conf", "".join(f"nameserver {server}\n" for server in identity.nameservers)
        ),
        IdentityFile("/root/.ssh/authorized_keys", f"{identity.authorized_key}\n", 0o600),
    ]
    for key in identity.host_keys:
        path = f"/etc/ssh/ssh_host_{key.algorithm}_key"
        files.append(IdentityFile(path, key.private, 0o600))
        files.append(IdentityFile(f"{path}.pub", f"{key.public}\n"))
    return files
