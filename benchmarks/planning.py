"""The controller's part of a plan, with no host: load, compile, compare, pack.

    python -m benchmarks.planning SITE

It prints the processor seconds of each step for two hosts. One is as the site wants it, and the
other lacks the first user. The facts are those that such hosts would report.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from provisioner.facts.certificate import HostCertificate
from provisioner.facts.host import Facts, Introduction
from provisioner.model.site import Host, Site
from provisioner.plan.change import Plan
from provisioner.plan.diff import diff_generation
from provisioner.plan.generation import Generation
from provisioner.plan.transaction import pack_transaction
from provisioner.render.artifact import Artifact
from provisioner.render.directory_table import ShardedTable
from provisioner.render.shards import shard_digests
from provisioner.resources.account import AccountState
from provisioner.resources.file_state import FileState, TableState, left_by
from provisioner.resources.unit import UnitState
from provisioner.site.load import load_site
from provisioner.verbs.compiling import Compiler

T = TypeVar("T")


def timed(step: str, work: Callable[[], T]) -> T:
    """Do some work, print its processor time, and return its result."""
    begun = time.process_time()
    result = work()
    print(f"{step:<28}{time.process_time() - begun:8.2f} s")
    return result


def state_of(artifact: Artifact) -> FileState:
    """Return the report of a host about a file, or a table, that is as wanted."""
    access = artifact.owner, artifact.group, artifact.mode, artifact.sha256
    if not isinstance(artifact, ShardedTable):
        return FileState("regular file", *access)
    shards = {name: digest[:16] for name, digest in shard_digests(artifact.shards).items()}
    return FileState("table", *access, table=TableState(shards))


def facts_of(generation: Generation) -> Facts:
    """Return the facts of a host that is as the generation says."""
    left = {artifact.path: left_by(artifact) for artifact in generation.artifacts}
    files = {artifact.path: state_of(artifact) for artifact in generation.artifacts}
    entries = {
        entry.path: FileState("directory", entry.owner, entry.group, entry.mode)
        for entry in generation.folders
    }
    made = {
        recipe.path: FileState("regular file", recipe.owner, recipe.group, recipe.mode, "-")
        for recipe in generation.recipes
    }
    units = {
        name: UnitState(name, "loaded", "active", "running", "enabled", 0, "success")
        for unit in generation.units
        for name in (unit.name, unit.running)
    }
    return Facts(
        Introduction({}, generation=generation.id, left=left),
        packages=frozenset(generation.packages),
        files=files | entries | made,
        accounts={
            account.name: AccountState(account.name, 1, 1, account.home, account.shell)
            for account in generation.accounts
        },
        groups={group.name: 1 for group in generation.groups},
        units=units,
        recipes=frozenset(recipe.kind for recipe in generation.recipes),
        certificate=HostCertificate(
            fingerprint="0" * 64,
            subject="CN=mail.example.org",
            names=tuple(recipe.subject for recipe in generation.recipes),
            begins=datetime.min.replace(tzinfo=UTC),
            ends=datetime.max.replace(tzinfo=UTC),
            read_at=datetime.now(UTC),
        ),
    )


def generation_of(site: Site, host: Host) -> Generation:
    """Return the generation of a host of the site; the passwords are hashes in the file."""
    return Compiler(site, dict).generation_for(host, Introduction({}))


def plan_for(wanted: Generation, facts: Facts) -> Plan:
    """Return the plan from facts to generation, packed as if it were sent."""
    plan = diff_generation(wanted, facts)
    if plan.changes:
        print(f"{'':<28}{len(pack_transaction(plan)) / 1024**2:8.1f} MiB to send")
    return plan


def main() -> None:
    """Print the costs of planning for the first host of a site."""
    gc.set_threshold(100_000)  # as `mailprov` does
    site = timed("load", lambda: load_site(Path(sys.argv[1])).site)
    host = site.hosts[0]
    wanted = timed("compile", lambda: generation_of(site, host))
    same = facts_of(wanted)
    if timed("compare, nothing changed", lambda: plan_for(wanted, same)).changes:
        sys.exit("a host that is as it should be has something to change")
    fewer = site.model_copy(update={"users": site.users[1:]})
    before = facts_of(generation_of(fewer, host))
    plan = timed("compare and pack, one more", lambda: plan_for(wanted, before))
    if {change.kind for change in plan.changes} - {"file", "unit", "record"}:
        sys.exit("one more user changes more than users' files")


if __name__ == "__main__":
    main()
