"""`history`: what became of each transaction, host by host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.plan.history import History
from provisioner.verbs.ports import Transport
from provisioner.verbs.recall import read_history
from provisioner.verbs.run import Run


@dataclass(frozen=True)
class SiteHistory:
    """Each host's history, or the error that stood in its way, in the order of the site."""

    histories: Mapping[HostRef, History]
    errors: Mapping[HostRef, MailprovError]


def read_site_history(run: Run) -> SiteHistory:
    """Return what the run's hosts remember; nothing written. Raises nothing for a host."""

    def work(host: Host, transport: Transport) -> History:
        run.progress.tell(host.ref, "reading the history")
        return read_history(run.session(transport))

    told = run.gather(work)
    return SiteHistory(told.values, told.errors)
