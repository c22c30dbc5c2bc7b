"""The port through which questions reach the live site.

`verify` derives the questions, an `Asker` puts them, the probes judge. The asker that
has sockets is provisioner.clients.asker.SiteAsker; the command line hands it in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from provisioner.model.prober import other_name
from provisioner.model.site import Host
from provisioner.probes.question import Answered, Question
from provisioner.verbs.ports import Transport


@dataclass(frozen=True)
class ProbeAccount:
    """The account that `verify` uses: its login name, mail address and password.

    token: the detail behind its name without which nobody's mail to it is taken, "" where the
    host has none yet.
    """

    login: str
    address: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)

    @property
    def other_name(self) -> str:
        """The login name under which a wrong password delays nobody; secret."""
        return other_name(self.login, self.secret)

    @property
    def recipient(self) -> str:
        """The address that its own messages go to; secret."""
        local, _, domain = self.address.rpartition("@")
        return f"{local}+{self.token}@{domain}" if self.token else self.address

    def addressed(self, text: str) -> str:
        """Return a command of SMTP, or its recipient, with the account named as is taken."""
        if text.startswith("MAIL "):
            return text
        return text.replace(f"<{self.address}>", f"<{self.recipient}>")

    def hidden(self, words: str) -> str:
        """Return what a server said, as it may be shown."""
        return words.replace(self.recipient, self.address)


class Asker(Protocol):
    """Somebody who can put questions to the site's hosts."""

    def ask(self, questions: Sequence[Question[Any]]) -> Sequence[Answered]:
        """Put all the questions and return one `Answered` for each, in the same order.

        Raises nothing for what a server does or fails to do: that is the answer.
        Returns within the limits of the single questions, which run side by side.
        """


class OpenAsker(Protocol):
    """How an asker is made, once the hosts have been observed."""

    def __call__(
        self,
        *,
        hosts: Sequence[Host],
        transports: Mapping[str, Transport],
        account: ProbeAccount | None,
        fingerprints: Mapping[str, str],
    ) -> Asker:
        """Return an asker for these hosts.

        transports: by host key, the open ways to hosts; a host without one is asked
        directly only. account: None where the site has no prober's account, so that
        whatever needs a login is skipped. fingerprints: by host key, the certificate's
        SHA-256 as the host told it over SSH; the account's password goes over TLS to
        nobody else.
        """
