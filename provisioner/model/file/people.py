"""`users`, `aliases`, `domains` and `accounts`: whose mail goes where."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from provisioner.model.file.credentials import WrittenPassword
from provisioner.model.file.hosts import Preference
from provisioner.model.file.written import OneOrMany, Short, Written
from provisioner.model.names import HostKey, Mailbox, MxHost
from provisioner.model.scalars import Boolean, formed
from provisioner.model.site import AccountKind
from provisioner.model.targets import Target

_GROUP = r"[a-z_][a-z0-9_-]{0,31}"
_SHELL = r"(/[A-Za-z0-9_][A-Za-z0-9._-]*)+"
_MAILBOX = r"(maildir|sdbox|mdbox):~(/[A-Za-z0-9_][A-Za-z0-9._-]*)+"

PersonName = Annotated[
    str, formed(r"[^\x00-\x1f\x7f:]{0,255}", "a person's name", "a name without colon")
]
GroupName = Annotated[str, formed(_GROUP, "a group", "a name like mailusers")]
Shell = Annotated[str, formed(_SHELL, "a login shell", "an absolute path like /sbin/nologin")]
MailboxPlace = Annotated[
    str, formed(_MAILBOX, "a mailbox", "a format and a path below home, like maildir:~/Maildir")
]


def _mx_form(given: Any) -> str:  # noqa: ANN401 pydantic hands over whatever was written
    return "<map>" if isinstance(given, dict) else "<list>"


WrittenMx = Annotated[
    Annotated[OneOrMany[MxHost], Tag("<list>")] | Annotated[dict[MxHost, Preference], Tag("<map>")],
    Discriminator(_mx_form),
]
WrittenAliases = dict[Mailbox, OneOrMany[Target]]


class WrittenUser(Written):
    """A person with a mailbox."""

    password: WrittenPassword = Field(description="A hash, or a reference to the password.")
    name: PersonName = Field("", description="The person's name.")
    enabled: Boolean = Field(
        True,  # noqa: FBT003 the switch's default
        description="Whether the user may log in; the user receives mail either way.",
    )
    store: HostKey | None = Field(
        None, description="The host that keeps the user's mail; the first store by default."
    )
    aliases: OneOrMany[Mailbox] = Field(
        (), description="Further addresses of the user.", examples=[["al"]]
    )


class WrittenDomain(Written):
    """A further domain that the site receives mail for."""

    mx: WrittenMx | None = Field(None, description="As the `mx` of the site, for this domain.")
    aliases: WrittenAliases = Field({}, description="As `aliases` of the site, for this domain.")


class WrittenAccounts(Written):
    """How users exist on the host that keeps the mail."""

    kind: AccountKind = Field(
        description="`virtual`: in the mail system alone; `system`: in the host's passwd."
    )
    group: GroupName | None = Field(
        None, description="Group of the mailboxes: vmail, or mailusers for system accounts."
    )
    shell: Shell | None = Field(
        None, description="Login shell of system accounts; by default none can log in."
    )
    mailbox: MailboxPlace | None = Field(
        None, description="Format and place of the mailbox.", examples=["maildir:~/Maildir"]
    )


AccountsForm = Annotated[
    WrittenAccounts,
    Short(lambda text: {"kind": text}, enum=[kind.value for kind in AccountKind]),
]


class WrittenDirectory(Written):
    """Where the site's users are listed."""

    kind: Literal["inline"] = Field(description="`inline`: users are in this file.")
