"""`hosts`: the machines, and how to log in to them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from provisioner.model.file.credentials import WrittenSecret
from provisioner.model.file.written import OneOrMany, Written
from provisioner.model.names import DomainName
from provisioner.model.networks import HostAddress, parse_host_address
from provisioner.model.scalars import Port, formed, integer, parse_integer
from provisioner.model.site import Role
from provisioner.model.values import InvalidValueError, Parsed

_HOP = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9._@-]*@)?(\[(?P<v6>[0-9A-Fa-f:.]+)\]|[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"(:(?P<port>[0-9]+))?"
)
_HOP_FORM = re.sub(r"\?P<\w+>", "", _HOP.pattern)
_SSH_ADDRESS = r"[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+"

# What ssh(1) and a ProxyCommand are handed must not look like an option or a shell word.
# A directory's users log in by their whole names, like admin@corp.example.
SshUser = Annotated[
    str, formed(r"[A-Za-z0-9_][A-Za-z0-9._@-]*", "a login name", "a name like root")
]


def _parse_ssh_address(text: str) -> str:
    """Return a name or address; InvalidValueError for all else, with the key that it belongs to."""
    if re.fullmatch(_SSH_ADDRESS, text):
        return text
    want = "a name or an address"
    parts = _HOP.fullmatch(text)
    if parts is None:
        raise InvalidValueError("not a name or address", want=want, fix=f"write {want}")
    user, _, rest = text.rpartition("@")
    address = parts["v6"] or rest.partition(":")[0]
    keys = [f"user: {user}"] if user else []
    keys += [f"address: {address}"] if ":" not in address else [f'address: "{address}"']
    keys += [f"port: {parts['port']}"] if parts["port"] else []
    what = " and ".join(["a user"] * bool(user) + ["a port"] * bool(parts["port"]))
    raise InvalidValueError(
        f"{what or 'brackets'} in the address",
        want=f"{want}; user and port have their own keys",
        fix=f"write ssh: {{{', '.join(keys)}}}",
    )


SshAddress = Annotated[
    str, Parsed(_parse_ssh_address, type="string", pattern=f"^(?:{_SSH_ADDRESS})$")
]


def _parse_jump(text: str) -> str:
    """Return jump hosts as they are written; InvalidValueError where one of them is none."""
    want = "user@host:port, several with commas"
    for hop in text.split(","):
        parts = _HOP.fullmatch(hop)
        if parts is None:
            raise InvalidValueError("not a jump host", want=want, fix=f"write {want}")
        if parts["v6"]:
            parse_host_address(parts["v6"])
        if parts["port"]:
            parse_integer(parts["port"], 1, 65535)
    return text


SshJump = Annotated[
    str,
    Parsed(_parse_jump, type="string", pattern=f"^{_HOP_FORM}(,{_HOP_FORM})*$"),
]
Path = Annotated[
    str, formed(r"[^\x00-\x1f\x7f]{1,4096}", "a path", "the path of a file on this machine")
]
PlatformName = Annotated[
    str, formed(r"[a-z][a-z0-9.-]{0,63}", "a platform", "a name like debian-12")
]


class WrittenSsh(Written):
    """How to log in where the user's own ssh habits do not fit."""

    user: SshUser | None = Field(None, description="Login name; root by default.")
    port: Port | None = Field(None, description="Port of sshd; 22 by default.")
    key: Path | None = Field(
        None, description="Path of the private key; mailprov then uses no other key."
    )
    password: WrittenSecret | None = Field(None, description="Reference to the login password.")
    become: Literal["sudo"] | None = Field(
        None, description="Method of another user to become root."
    )
    become_password: WrittenSecret | None = Field(None, description="Reference to sudo's password.")
    jump: SshJump | None = Field(
        None, description="Jump hosts: user@host:port, several with commas."
    )
    address: SshAddress | None = Field(
        None, description="Name or address for SSH, if it differs from that of the services."
    )


class WrittenHost(Written):
    """A machine of the site."""

    address: OneOrMany[HostAddress] = Field(
        description="The host's own IPv4 or IPv6 address, or a list: services listen there.",
        examples=["192.0.2.10", ["192.0.2.10", "2001:db8::10"]],
    )
    public_address: OneOrMany[HostAddress] | None = Field(
        None,
        description="Address in the public DNS, if a router translates addresses.",
        examples=["203.0.113.9"],
    )
    resolv_conf: Literal["managed", "keep"] = Field(
        "managed", description="`keep` leaves /etc/resolv.conf as it is."
    )
    fqdn: DomainName | None = Field(
        None, description="Full name; by default the host's key, a dot, and the domain."
    )
    roles: OneOrMany[Role] | None = Field(
        None,
        description="Roles of the host; a lone host has all roles.",
        examples=[["mx", "submission", "store"]],
    )
    ssh: WrittenSsh | None = Field(None, description="Settings of the SSH login.")
    connection: Literal["ssh", "local"] = Field(
        "ssh", description="`local` if mailprov runs on the host itself."
    )
    platform: PlatformName | None = Field(
        None, description="Operating-system release; by default it is detected."
    )


Preference = Annotated[int, integer(0, 65535)]
