"""The port through which questions reach the live site.

`verify` derives the questions, an `Asker` puts them, the probes judge. The asker that
has sockets is provisioner.clients.asking.SiteAsker; the command line hands it in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from provisioner.model.site import Host
from provisioner.probes.question import Answered, Question
from provisioner.workflow.ports import Transport


@dataclass(frozen=True)
class ProbeAccount:
    """The account that `verify` uses: its login name, mail address and password."""

    login: str
    address: str
    secret: str = field(repr=False)


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
