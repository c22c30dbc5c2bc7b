"""Small configurations for a host that is nothing but a disk, and the planner's view of it."""

from __future__ import annotations

from provisioner.facts.host import Facts
from provisioner.facts.observation import parse_facts, parse_introduction
from provisioner.model.names import HostKey
from provisioner.plan.generation import Generation
from provisioner.plan.manifest import observation_rows
from provisioner.platforms.records import platform_named
from provisioner.remote.program import remote_programs
from provisioner.render.artifact import Artifact, Plane
from provisioner.resources.unit import Unit
from support.forgetful_host import ForgetfulHost

PROGRAMS = remote_programs()
# As mailprov-recover.service has it.
RECOVER_AT_BOOT = "[ ! -d /var/lib/mailprov/pending ] || sh /var/lib/mailprov/recover boot"
MAIN_CF = "/etc/postfix/main.cf"
USERS = "/etc/dovecot/mailprov/users"
ALIASES = "/etc/postfix/mailprov/aliases"


def generation(letter: str, users: int) -> Generation:
    """Return a configuration, with a list of users that is independent of it.

    Between them files come, go and are named by their content. With `c` a service leaves, and
    with `b` one is restarted where others reload.
    """
    table = f"/etc/postfix/mailprov/headers-{letter}.regexp"
    artifacts = [
        Artifact("/etc/dovecot/dovecot.conf", f"# {letter}\n".encode(), daemons=("dovecot",)),
        Artifact(table, f"/{letter}/\n".encode(), daemons=("postfix",), rank=40),
        Artifact("/etc/postfix/master.cf", f"# {letter}\n".encode(), daemons=("postfix",), rank=80),
        Artifact(MAIN_CF, f"table = {table}\n".encode(), daemons=("postfix",), rank=90),
        Artifact(USERS, f"users {users}\n".encode(), plane=Plane.DIRECTORY, secret=True),
        Artifact(
            ALIASES,
            f"aliases {users}\n".encode(),
            plane=Plane.DIRECTORY,
            daemons=("postfix",),
        ),
    ]
    units = [
        Unit("dovecot", "dovecot.service", "dovecot.service"),
        Unit("postfix", "postfix.service", "postfix.service"),
    ]
    if letter != "c":
        artifacts.append(
            Artifact("/etc/unbound/unbound.conf", f"# {letter}\n".encode(), daemons=("unbound",))
        )
        units.insert(0, Unit("unbound", "unbound.service", "unbound.service"))
    if letter == "b":
        artifacts.append(Artifact("/etc/resolv.conf", b"# b\n", daemons=("postfix",), restart=True))
    return Generation(
        host=HostKey("mail"),
        platform=platform_named("debian-12"),
        packages=(),
        groups=(),
        accounts=(),
        folders=(),
        recipes=(),
        artifacts=tuple(artifacts),
        units=tuple(units),
    )


def observe(host: ForgetfulHost, wanted: Generation) -> Facts:
    """Return the facts, as the workflow gets them in two flights."""
    first = host.run(PROGRAMS["observe"]).stdout.decode()
    introduction = parse_introduction(first.partition("@ready")[0].splitlines())
    rows = observation_rows(wanted, introduction)
    second = host.run(PROGRAMS["observe"], stdin=rows).stdout.decode()
    return parse_facts(introduction, second.partition("@ready\n")[2].splitlines())
