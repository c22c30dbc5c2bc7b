"""`diagnose`: what each host's mail log says, explained. One program, nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from provisioner.diagnosis.catalogue import Catalogue
from provisioner.diagnosis.matching import HostDiagnosis, diagnose_log
from provisioner.diagnostics import MailprovError
from provisioner.model.names import HostRef
from provisioner.model.site import Host
from provisioner.rooms.registry import rooms_of
from provisioner.verbs.mail_log import read_mail_log
from provisioner.verbs.ports import Transport
from provisioner.verbs.run import Run


@dataclass(frozen=True)
class SiteDiagnosis:
    """What was found on each host, or the error that stood in its way."""

    hosts: Mapping[HostRef, HostDiagnosis]
    errors: Mapping[HostRef, MailprovError]


def diagnose_site(run: Run, catalogue: Catalogue, since: datetime | float) -> SiteDiagnosis:
    """Return what the logs of the run's hosts say; raises nothing for a host.

    since: a moment, or a number of seconds before now by each host's own clock.
    """

    def work(host: Host, transport: Transport) -> HostDiagnosis:
        run.progress.tell(host.ref, "reading the mail log")
        log = read_mail_log(
            run,
            transport,
            since,
            pattern=catalogue.selection,
            context=catalogue.context_selection,
            checks=tuple(one.name for one in rooms_of(host)),
        )
        run.progress.tell(host.ref, "read")
        return diagnose_log(catalogue, run.site, host, log)

    told = run.gather(work)
    return SiteDiagnosis(told.values, told.errors)
