"""A lab for one or more sites: their hosts, copies of their files, their public records."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.lab.demo import specs_for
from provisioner.lab.lab import Lab
from provisioner.lab.publish import publish_sites
from provisioner.lab.tree_recipes import DEFAULT_TREE
from provisioner.model.site import Site
from provisioner.site.load import parse_site


@dataclass(frozen=True)
class LabSite:
    """A site file written for lab 0: where it lies, what it means, and its text."""

    path: Path
    site: Site
    text: str


def bring_up_sites(
    name: str, sites: Sequence[LabSite], tree: str = DEFAULT_TREE
) -> tuple[Lab, list[Path]]:
    """Bring up a lab with the hosts of all sites, of one tree; return it and the site files for it.

    These lie in the lab's home: `site.yaml` if there is one, else under their own names.
    The lab's internet knows the sites' public records afterwards. Raises MailprovError.
    """
    check_collisions(sites)
    lab = Lab.up(name, [spec for one in sites for spec in specs_for(one.site, tree)])
    copies = [lab.home / ("site.yaml" if len(sites) == 1 else one.path.name) for one in sites]
    moved = []
    for one, copy in zip(sites, copies, strict=True):
        copy.write_text(lab.site(one.text), encoding="utf-8")
        moved.append(parse_site(copy.read_bytes(), str(copy)).site)
    publish_sites(lab.internet, moved)
    return lab, copies


def check_collisions(sites: Sequence[LabSite]) -> None:
    """Raise MailprovError for what two sites of one lab have in common and must not."""
    problems = [problem for rule in _RULES for problem in _judge(rule, sites)]
    if problems:
        raise MailprovError(problems)


@dataclass(frozen=True)
class _Rule:
    """What has to differ between sites, what it is of a site, and what to do about it."""

    what: str
    values: Callable[[LabSite], Sequence[str]]
    fix: str


_RULES = (
    _Rule(
        "host key",
        lambda one: [host.key for host in one.site.hosts],
        "lab hosts are named by their keys: rename one, and give it its full name as `fqdn`",
    ),
    _Rule(
        "address",
        lambda one: [str(address) for host in one.site.hosts for address in host.addresses],
        "give one of the two hosts another address",
    ),
    _Rule(
        "domain",
        lambda one: [domain.name for domain in one.site.domains],
        "give one of the two sites another domain",
    ),
    _Rule(
        "file name",
        lambda one: [one.path.name],
        "rename one of the two files: the lab keeps copies of them in one folder",
    ),
)


def _judge(rule: _Rule, sites: Sequence[LabSite]) -> Iterator[Diagnostic]:
    seen: dict[str, Path] = {}
    for one in sites:
        for value in rule.values(one):
            if value in seen:
                yield Diagnostic(
                    summary=f"two sites of one lab have the same {rule.what}",
                    where=str(one.path),
                    got=f"{value}, as in {seen[value]}",
                    fix=rule.fix,
                )
        seen |= dict.fromkeys(rule.values(one), one.path)
