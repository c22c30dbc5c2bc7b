"""A small generation and the facts of a host that is just that."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from provisioner.facts.certificate import HostCertificate
from provisioner.facts.host import Facts, Introduction
from provisioner.model.names import DomainName, HostKey
from provisioner.model.site import Host, Role
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.account import Account, AccountState
from provisioner.resources.file_state import FileState, left_by
from provisioner.resources.folder import Folder
from provisioner.resources.group import Group
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Unit, UnitState

MAIN_CF = Artifact("/etc/postfix/main.cf", b"a = 1\nb = 2\n", daemons=("postfix",), rank=90)
MAP = Artifact("/etc/postfix/mailprov/aliases", b"root a@b.c\n", daemons=("postfix",), rank=20)
USERS = Artifact(
    "/etc/dovecot/mailprov/users",
    b"alice:{X}secret-hash\n",
    group="dovecot",
    mode=0o640,
    secret=True,
    plane=Plane.DIRECTORY,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
CERTIFICATE = HostCertificate(
    fingerprint="ab" * 32,
    subject="CN=mail.example.org",
    names=("mail.example.org",),
    begins=NOW - timedelta(days=1),
    ends=NOW + timedelta(days=3650),
    read_at=NOW,
)
HOST = Host(
    site=DomainName("example.org"),
    key=HostKey("mail"),
    fqdn=DomainName("mail.example.org"),
    addresses=(ip_address("192.0.2.10"),),
    roles=frozenset(Role),
)
"""The host that all of this is about."""

GENERATION = Generation(
    host=HOST.key,
    platform=platform_named("debian-12"),
    packages=("postfix", "dovecot-core"),
    groups=(Group("vmail"),),
    accounts=(Account("vmail", "vmail", "/srv/vmail", "/usr/sbin/nologin", system=True),),
    folders=(Folder("/srv/vmail", "vmail", "vmail", 0o700),),
    recipes=(Recipe("self-signed", "/etc/mailprov/tls/site.pem", "mail.example.org"),),
    artifacts=(MAIN_CF, MAP, USERS),
    units=(Unit("postfix", "postfix.service", "postfix@-.service"),),
    certificate_path="/etc/mailprov/tls/site.pem",
)


def state_of(artifact: Artifact) -> FileState:
    """Return the state of a file that is just what the artifact says."""
    return FileState("regular file", artifact.owner, artifact.group, artifact.mode, artifact.sha256)


def fulfilled(generation: Generation = GENERATION) -> Facts:
    """Return the facts of a host that is just what the generation says."""
    files = {artifact.path: state_of(artifact) for artifact in generation.artifacts}
    for entry in generation.folders:
        files[entry.path] = FileState("directory", entry.owner, entry.group, entry.mode)
    for recipe in generation.recipes:
        files[recipe.path] = FileState("regular file", recipe.owner, recipe.group, recipe.mode)
    names = {unit.name for unit in generation.units} | {unit.running for unit in generation.units}
    return Facts(
        introduction=Introduction(
            os_release={"ID": "debian", "VERSION_ID": "12"},
            generation=generation.id,
            left={artifact.path: left_by(artifact) for artifact in generation.artifacts},
        ),
        packages=frozenset(generation.packages),
        files=files,
        accounts={
            account.name: AccountState(account.name, 990, 990, account.home, account.shell)
            for account in generation.accounts
        },
        groups={group.name: 990 for group in generation.groups},
        units={
            name: UnitState(name, "loaded", "active", "running", "enabled", 0, "success")
            for name in names
        },
        recipes=frozenset(recipe.kind for recipe in generation.recipes),
        certificate=CERTIFICATE,
    )


def with_file(facts: Facts, path: str, state: FileState | None) -> Facts:
    """Return the facts with one file's state changed, or the file gone."""
    files = {name: other for name, other in facts.files.items() if name != path}
    return replace(facts, files=files if state is None else files | {path: state})


def steps(generation: Generation, facts: Facts) -> list[tuple[str, str, str]]:
    """Return action, kind and name of each change that the plan has, in order."""
    plan = diff_generation(generation, facts)
    return [(change.action.value, change.kind, change.name) for change in plan.changes]
