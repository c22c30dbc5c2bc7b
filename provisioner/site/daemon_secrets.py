"""The secrets that a site's daemons use: read where somebody may write them to a host.

One that cannot be read is no mistake as long as the host has it: who looks at a site, or
changes something else of it, need not hold every secret of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.daemon_secrets import judge_rows, judge_secret, named_secrets
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.secrets import DaemonSecret, DaemonSecrets
from provisioner.model.site import Site
from provisioner.model.values import InvalidValueError
from provisioner.rooms.registry import has_rows
from provisioner.site.password_memory import key_path, obtain_key, tag
from provisioner.site.places import place_problems
from provisioner.site.references import place
from provisioner.site.secrets import read_all


def read_daemon_secrets(
    site: Site, path: Path, environment: Mapping[str, str] | None = None, *, look_only: bool = False
) -> tuple[DaemonSecrets, tuple[Diagnostic, ...]]:
    """Return what the daemons' references lead to, and warnings.

    path, environment: as for `read_secrets`. look_only: no secret is read, and authorities of
    the relay that cannot be read are a warning. Raises MailprovError (invalid site) for
    such authorities otherwise, and for a secret that its daemon could not be given.
    """
    variables = os.environ if environment is None else environment
    base = path.absolute().parent
    authorities, problems = _read_authorities(site, base)
    named = {} if look_only else dict(named_secrets(site))
    texts: dict[KeyPath, str] = {}
    missing: dict[KeyPath, Diagnostic] = {}
    warnings: list[SiteProblem] = []
    if look_only:
        warnings, problems = problems, []
    for rows in (False, True):
        wanted = {at: reference for at, reference in named.items() if has_rows(at) is rows}
        values, unread, doubts = read_all(wanted, base, variables, rows=rows)
        warnings += doubts
        reasons = {wanted[problem.path]: problem for problem in unread}
        for at, reference in wanted.items():
            if reference in reasons:
                (missing[at],) = place_problems(path, [replace(reasons[reference], path=at)])
                continue
            try:
                texts[at] = (judge_rows if rows else judge_secret)(values[reference])
            except InvalidValueError as error:
                problems.append(SiteProblem.of(at, error, ""))
    if problems:
        raise MailprovError(place_problems(path, problems), ExitCode.INVALID_SITE)
    key = obtain_key(key_path(variables)) if texts else b""
    known = {at: DaemonSecret(text, tag(key, _owner(at), text)) for at, text in texts.items()}
    told = place_problems(path, warnings, "warning: ")
    return DaemonSecrets(known, missing, authorities), told


def _owner(at: KeyPath) -> str:
    # A user's password is tagged behind an address, which has no slash.
    return f"/{'/'.join(map(str, at))}"


def _read_authorities(site: Site, base: Path) -> tuple[bytes | None, list[SiteProblem]]:
    """Return the certificates that `relay.ca_file` names, in PEM, and what is wrong with it."""
    if site.relay is None or site.relay.ca_file is None:
        return None, []
    # cryptography is slow to import, and few sites have a relay with an authority of its own.
    from provisioner.site import tls_files  # noqa: PLC0415 see above

    try:
        file = place(site.relay.ca_file, base)
        chain = tls_files.read_certificates(file, "certificates of authorities in PEM")
    except InvalidValueError as error:
        return None, [SiteProblem.of(("relay", "ca_file"), error, "")]
    return tls_files.certificates_pem(chain), []
