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
        description="The machines: a short key, and what it stands for.",
        json_schema_extra={"minProperties": 1},
    )
    mx: WrittenMx | None = Field(
        None,
        description="Hosts that receive mail: a list in order of preference, or a map of "
        "host to preference.",
        examples=[["mail"], {"mail": 10}],
    )
    domains: dict[DomainKey, WrittenDomain] = Field(
        {}, description="Further domains that the site receives mail for."
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
        None, description="How users exist on the host: `virtual` (default) or `system`."
    )
    directory: WrittenDirectory | None = Field(None, description="Where users are listed.")
    networks: WrittenNetworks | None = Field(
        None, description="Who may relay without login, and who may ask the resolver."
    )
    dns: WrittenDns | None = Field(None, description="What the resolvers know and whom they ask.")
    tls: TlsForm | None = Field(
        None, description="`self-signed` (default), certificate files, or `none`."
    )
    submission: WrittenSubmission | None = Field(None, description="Mail from the site's users.")
    imap: WrittenImap | None = Field(None, description="Reading by IMAP.")
    pop3: WrittenPop3 | None = Field(None, description="Reading by POP3.")
    queue_warning: QueueWarning | None = Field(
        None,
        description="How long mail may wait before `status` calls it a problem; 3h by default.",
        examples=["3h"],
    )
    relay: WrittenRelay | None = Field(
        None, description="A smarthost that takes all mail which is not the site's own."
    )
    allow_insecure: dict[Allowance, FreeText] = Field(
        {},
        description="Unsafe wishes that the site insists on, each with its reason.",
        examples=[{"open-resolver": "teaching lab without a way out"}],
    )
    postfix: WrittenPostfix | None = Field(None, description="Parameters in Postfix's own words.")
    dovecot: WrittenDovecot = Field(
        {}, description="Settings in Dovecot's own words, by its version."
    )
    unbound: WrittenUnbound | None = Field(None, description="Options in Unbound's own words.")
