"""What a verification says of a site without asking: what it allows, and what it cannot prove."""

from __future__ import annotations

from provisioner.model.insecurities import INSECURITIES, safe_setting
from provisioner.model.site import Role, Site
from provisioner.probes.finding import Finding, Status


def allowance_findings(site: Site) -> tuple[Finding, ...]:
    """Return a warning for every unsafe wish that the site names, so that none is forgotten."""
    return tuple(
        Finding(
            id=f"allowed.{allowance.value}",
            host="",
            question=f"Does the site allow {allowance.value}?",
            status=Status.WARNING,
            got=f"yes, because: {reason}",
            want=f"no: {INSECURITIES[allowance].summary}",
            remedy=f"{safe_setting(allowance, tls_off=site.tls == 'none')}, drop "
            f"{allowance.value} from allow_insecure, then apply again",
            via="site",
        )
        for allowance, reason in site.allow_insecure.items()
    )


def unproven_findings(site: Site) -> tuple[Finding, ...]:
    """Return a skip for what this site's daemons cannot keep, so that nobody counts on it."""
    return tuple(
        Finding(
            id=f"smtp.colleagues-from-refused@{host.key}",
            host=host.key,
            question="Is a user's message refused if its From names a colleague?",
            status=Status.SKIPPED,
            got="Postfix compares the envelope's sender with the login, and From with the "
            "site's domains only; a check of From needs a milter, which mailprov does "
            "not install",
            want="From with an address of the logged-in user",
            via="site",
        )
        for host in site.hosts_with(Role.SUBMISSION)
    )
