"""The site file as a whole: what a person wrote, typed, but not yet put together.

`model.resolve` turns it into a `Site`. The JSON Schema that editors use comes from
these models, so every key has its description here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from provisioner.model.durations import duration
from provisioner.model.file.dns import WrittenDns, WrittenNetworks
from provisioner.model.file.hatches import WrittenDovecot, WrittenPostfix, WrittenUnbound
from provisioner.model.file.hosts import WrittenHost
from provisioner.model.file.people import (
    AccountsForm,
    WrittenAliases,
    WrittenDirectory,
    WrittenDomain,
    WrittenMx,
    WrittenUser,
)
from provisioner.model.file.relay import WrittenRelay
from provisioner.model.file.services import (
    TlsForm,
    WrittenImap,
    WrittenPop3,
    WrittenSubmission,
)
from provisioner.model.file.written import Written
from provisioner.model.names import DomainKey, DomainName, HostKey, Mailbox
from provisioner.model.scalars import FreeText
from provisioner.model.site import Allowance

__all__ = ["SiteFile"]

# Above a week no queue keeps mail by default.
QueueWarning = Annotated[timedelta, duration(timedelta(seconds=1), timedelta(weeks=1))]


class SiteFile(Written):
    """The mail site: its domain, hosts and users; everything else has a safe default."""

    domain: DomainName = Field(description="Primary mail domain.", examples=["example.org"])
    hosts: dict[HostKey, WrittenHost] = Field(
        description="The machines: a short key, and the host's settings.",
        json_schema_extra={"minProperties": 1},
    )
    mx: WrittenMx | None = Field(
        None,
        description="Hosts that receive mail: a list in order of preference, or a map of "
        "host to preference.",
        examples=[["mail"], {"mail": 10}],
    )
    domains: dict[DomainKey, WrittenDomain] = Field(
        {}, description="Further mail domains of the site."
    )
    users: dict[Mailbox, WrittenUser] = Field(
        description="People with a mailbox: a name of the primary domain, or an address.",
        examples=[{"alice": {"password": {"env": "ALICE_PASSWORD"}}}],
        json_schema_extra={"minProperties": 1},
    )
    aliases: WrittenAliases = Field(
        {},
        description="Addresses whose mail goes to users or other addresses.",
        examples=[{"sales": ["alice", "bob@example.net"]}],
    )
    accounts: AccountsForm | None = Field(
        None, description="Kind of the users' accounts: `virtual` (default) or `system`."
    )
    directory: WrittenDirectory | None = Field(None, description="Place of the list of users.")
    networks: WrittenNetworks | None = Field(
        None,
        description="Networks that may relay without a login, or query the resolver.",
    )
    dns: WrittenDns | None = Field(
        None, description="Names that the resolvers know, and servers that they query."
    )
    tls: TlsForm | None = Field(
        None, description="`self-signed` (default), certificate files, or `none`."
    )
    submission: WrittenSubmission | None = Field(None, description="Submission of mail by users.")
    imap: WrittenImap | None = Field(None, description="Mailbox access by IMAP.")
    pop3: WrittenPop3 | None = Field(None, description="Mailbox access by POP3.")
    queue_warning: QueueWarning | None = Field(
        None,
        description="Age of waiting mail that `status` calls a problem; 3h by default.",
        examples=["3h"],
    )
    relay: WrittenRelay | None = Field(None, description="A smarthost for all mail to other sites.")
    allow_insecure: dict[Allowance, FreeText] = Field(
        {},
        description="Unsafe settings that the site allows, each with its reason.",
        examples=[{"open-resolver": "teaching lab without a way out"}],
    )
    postfix: WrittenPostfix | None = Field(None, description="Parameters in Postfix's own syntax.")
    dovecot: WrittenDovecot = Field(
        {}, description="Settings in Dovecot's own syntax, by its version."
    )
    unbound: WrittenUnbound | None = Field(None, description="Options in Unbound's own syntax.")
