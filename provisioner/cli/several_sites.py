"""Results of one or several sites: what each is called, and how their documents are one.

With one site a host is shown by its key, and the document is that site's. With several a host
is shown with its site, and the document has a list of sites, each with its own document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from provisioner.diagnostics import MailprovError
from provisioner.model.names import DomainName, HostKey, HostRef
from provisioner.verbs.run import Naming, by_key
from provisioner.verbs.runs import Runs


def site_documents(
    runs: Runs, document_of: Callable[[DomainName], Mapping[str, object]]
) -> Mapping[str, object]:
    """Return the JSON document of a command: the one site's, or a list of them.

    document_of: makes the document of a site.
    """
    sites = [run.site.domain for run in runs.runs]
    if not runs.several:
        return document_of(sites[0])
    return {"sites": [{"site": site, **document_of(site)} for site in sites]}


def errors_shown(errors: Mapping[HostRef, MailprovError], name: Naming) -> Iterator[MailprovError]:
    """Yield hosts' errors as a person is to see them: `where` names each host as `name` does."""
    for ref, error in errors.items():
        if name is by_key:
            yield error
            continue
        # A place on a host begins with its key: `mail`, `mail (root@192.0.2.10:22)`, `mail:/etc/x`.
        place = re.compile(rf"{re.escape(ref.host)}(?=$| \(|:/)")
        told = [
            replace(one, where=name(ref) + one.where[len(ref.host) :])
            if place.match(one.where)
            else one
            for one in error.diagnostics
        ]
        yield MailprovError(told, error.exit_code)


def note_of(site: DomainName, notice: str, name: Naming) -> str:
    """Return a note's line; with several sites it says which one the note is about."""
    return f"note: {notice}" if name is by_key else f"note: {site}: {notice}"


def finding_id(identity: str, site: DomainName | None) -> str:
    """Return a finding's id, like `unit.dovecot@mail`, with the site where that is to be told."""
    if site is None:
        return identity
    theme, at, host = identity.rpartition("@")
    return f"{theme}@{HostRef(site, HostKey(host))}" if at else f"{identity}@{site}"
