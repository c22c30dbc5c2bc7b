"""`relay`: the smarthost that takes all mail which leaves the site."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from provisioner.model.file.credentials import WrittenSecret
from provisioner.model.file.hosts import Path
from provisioner.model.file.written import Written
from provisioner.model.names import DomainName
from provisioner.model.scalars import Port, formed

# smtp(8) takes what stands before the first colon of a row for the name.
RelayUser = Annotated[
    str,
    formed(
        r"[^\x00-\x20\x7f-\xa0:]([^\x00-\x1f\x7f-\x9f:]*[^\x00-\x20\x7f-\xa0:])?",
        "a login name of a relay",
        "the name that the relay's operator gave you, without a colon",
    ),
]


class WrittenRelay(Written):
    """A smarthost: another server that sends this site's mail on."""

    host: DomainName = Field(
        description="Full name of the relay, which its certificate must contain; no MX is queried.",
        examples=["smtp.example.net"],
    )
    port: Port | None = Field(
        None,
        description="Port; 587 by default, 465 with `tls: wrapped`, 25 with `tls: none`.",
    )
    tls: Literal["required", "wrapped", "none"] = Field(
        "required",
        description="`required`: STARTTLS with a valid certificate; `wrapped`: TLS from the start; "
        "`none` needs `allow_insecure: {cleartext-relay: reason}`.",
    )
    user: RelayUser | None = Field(
        None, description="Login name; without one the site does not log in."
    )
    password: WrittenSecret | None = Field(None, description="Reference to the login's password.")
    ca_file: Path | None = Field(
        None,
        description="PEM file on this machine: certificate authorities for the relay, instead of "
        "the system's.",
    )
