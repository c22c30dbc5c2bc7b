"""Facts as the observing program tells them: the other way round than provisioner/facts/.

What a host says is made of the facts that a test wants it to have, so that no test has digests or
rows of its own. `tests/unit/verbs/test_scripted_host.py` reads them back.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provisioner.facts.host import Facts, Introduction
from provisioner.model.site import Site
from provisioner.plan.generation import Generation
from provisioner.plan.unix_sockets import unix_sockets_of
from provisioner.probes.unix_sockets import UnixSocketState
from provisioner.render.artifact import Plane
from provisioner.resources.file_state import LeftFile
from provisioner.site.load import parse_site
from provisioner.verbs.compiling import Compiler
from support.generations import CERTIFICATE, NOW, fulfilled

_BOOT = "7f3ad7d3-3c56-4f31-9b3e-5d2f6c1f0a52"

_HASH = "{BLF-CRYPT}$2b$12$" + "a" * 53


def two_hosts(
    domain: str = "example.org", more: str = "", users: Iterable[str] = ("alice",)
) -> Site:
    """Return a site with a resolver `ns`, a mail host `mail` and users; more: YAML below that."""
    people = ", ".join(f'{name}: {{password: "{_HASH}"}}' for name in users)
    text = f"""
domain: {domain}
hosts:
  mail: {{address: 192.0.2.10, roles: [mx, submission, store]}}
  ns: {{address: 192.0.2.11, roles: [dns]}}
users: {{{people}}}
{more}"""
    return parse_site(text.encode(), "site.yaml").site


def generation_of(site: Site, key: str) -> Generation:
    """Return the generation of a host of a site that runs Debian 12."""
    system = {"ID": "debian", "VERSION_ID": "12"}
    return Compiler(site, lambda known: known).generation_for(site.host(key), Introduction(system))


def standing(site: Site, key: str) -> Facts:
    """Return the facts of a Debian 12 host of a site that is just what the site file says."""
    generation = generation_of(site, key)
    facts = fulfilled(generation)
    people = frozenset(one.name for one in generation.accounts if not one.system)
    units = frozenset(unit.name for unit in generation.units)
    machine = f"{_BOOT} {sum(map(ord, site.host(key).fqdn))}"
    return replace(
        facts,
        introduction=replace(
            facts.introduction,
            serial="2",
            machine=machine,
            managed_units=units,
            managed_accounts=people,
        ),
        certificate=replace(CERTIFICATE, names=(site.host(key).fqdn,))
        if generation.certificate_path
        else None,
        probe_secret="0123456789abcdef" if "probe" in facts.recipes else None,
        sockets={name: "\n".join(_sockets(generation, name)) for name in ("tcp", "udp")},
        unix_sockets={
            socket.path: _open_to(socket.account) for socket in unix_sockets_of(generation)
        },
    )


def _sockets(generation: Generation, transport: str) -> Iterator[str]:
    """Yield what proc_pid_net(5) has, where every daemon listens on all addresses."""
    state = {"tcp": "0A", "udp": "07"}[transport]
    yield "  sl  local_address rem_address   st tx_queue rx_queue"
    for number, one in enumerate(generation.listeners):
        if one.transport == transport:
            yield f"{number:4}: 00000000:{one.port:04X} 00000000:0000 {state} 00000000:00000000"


def _open_to(account: str) -> UnixSocketState:
    return UnixSocketState(
        "socket", "root", "root", "660", listening=True, open_to=frozenset({account})
    )


def before(facts: Facts, *paths: str, edited: bool = False) -> Facts:
    """Return the facts of a host where these files are as an earlier apply left them.

    edited: they are as somebody left them since then.
    """
    files, left = dict(facts.files), dict(facts.introduction.left)
    for path in paths:
        files[path] = replace(files[path], sha256="0" * 64)
        if not edited:
            left[path] = replace(left[path], sha256="0" * 64)
    return replace(facts, files=files, introduction=replace(facts.introduction, left=left))


def told(facts: Facts) -> list[str]:
    """Return both flights of an answer, as far as `support.generations.fulfilled` has facts."""
    return [
        *_introduced(facts.introduction),
        "@ready",
        *_observed(facts),
        *_asked_beside(facts),
        "@end",
    ]


def _introduced(one: Introduction) -> Iterator[str]:
    yield from ("@daemons", *_tabbed(one.versions.items()))
    yield from ("@parameters", *sorted(one.parameters))
    if one.machine:
        yield from ("@machine", one.machine)
    if one.generation:
        yield from ("@head", f"{one.serial}\t{one.generation}")
    yield from ("@platform", *(f"{key}={text}" for key, text in one.os_release.items()))
    if pending := one.pending:
        rows = {"serial": pending.serial, "generation": pending.generation, "owner": pending.owner}
        yield from ("@pending", *_tabbed(rows.items()), *(["armed"] if pending.armed else []))
    yield from ("@managed", *_left(one, Plane.CONFIGURATION))
    yield from _tabbed(("unit", name) for name in sorted(one.managed_units))
    yield from ("@directory", *_left(one, Plane.DIRECTORY))
    yield from _tabbed(("account", name) for name in sorted(one.managed_accounts))
    yield from ("@unfinished", *sorted(one.unfinished))
    rows = ((address, known.tag, known.hash) for address, known in one.credentials.items())
    yield from ("@credentials", *_tabbed(rows))
    yield from ("@carriers", *sorted(one.carriers))


def _observed(facts: Facts) -> Iterator[str]:
    yield from ("@packages", *_tabbed((name, "installed") for name in sorted(facts.packages)))
    yield "@files"
    for path, file in facts.files.items():
        yield "\t".join((path, file.kind, file.owner, file.group, f"{file.mode:o}"))
    yield "@digests"
    yield from (f"{one.sha256}  {path}" for path, one in facts.files.items() if one.sha256)
    for path, file in facts.files.items():
        if file.content is not None:
            yield from (f"@content {path}", base64.b64encode(file.content).decode())
    yield "@accounts"
    for account in facts.accounts.values():
        about = (account.uid, account.gid, account.comment, account.home, account.shell)
        yield ":".join((account.name, "x", *map(str, about)))
    yield from ("@groups", *(f"{name}:x:{number}:" for name, number in facts.groups.items()))
    yield "@units"
    for unit in facts.units.values():
        yield from (f"Id={unit.name}", f"LoadState={unit.load}", f"ActiveState={unit.active}")
        yield from (f"SubState={unit.sub}", f"UnitFileState={unit.enabled}")
        yield from (f"NRestarts={unit.restarts}", f"Result={unit.result}", "")
    yield from ("@recipes", *sorted(facts.recipes))
    if facts.certificate:
        yield from ("@certificate", *told_certificate(*facts.certificate.names))


def _asked_beside(facts: Facts) -> Iterator[str]:
    for check in facts.checks:
        yield f"@check {check.tool} {check.exit_status}"
        yield from (f"|{line}" for line in check.output.splitlines())
    for name, table in facts.sockets.items():
        yield from (f"@sockets {name}", *table.splitlines())
    yield "@links"
    for path, socket in facts.unix_sockets.items():
        yield f"is\t{path}\t{socket.kind}\t{socket.owner}\t{socket.group}\t{socket.mode}"
        yield from _tabbed([("takes", path)] if socket.listening else [])
        yield from _tabbed(("opens", path, account) for account in sorted(socket.open_to))
    if facts.store:
        yield from ("@store", *_tabbed(("unmounted", one, "") for one in facts.store.unmounted))
        for folder, words in facts.store.folders.items():
            yield from _tabbed((("begun", folder, ""), ("folder", folder, words)))
            yield from _tabbed([("finished", folder, "")] if facts.store.finished else [])
    if facts.probe_secret:
        yield from ("@probe-secret", facts.probe_secret)


def told_history(
    serial: str, *confirmed: str, snapshots: Iterable[str] = (), brings: Generation | None = None
) -> list[str]:
    """Return what a host remembers. confirmed: its generations, the last of which is in force.

    snapshots: transactions whose users are kept. brings: the generation that is asked for.
    """
    lines = ["@head", f"{serial}\t{confirmed[-1]}" if confirmed else "", "@history"]
    for number, name in enumerate(confirmed, 1):
        when = f"2026-11-24T12:0{number}:00Z"
        lines.append("\t".join((when, str(number), "configuration", name, "me", "confirmed")))
    lines += ["@generations", *dict.fromkeys(confirmed), "@snapshots", *snapshots, "@ready"]
    if brings:
        lines += ["@record", base64.b64encode(brings.record).decode()]
        for file in brings.in_plane(Plane.CONFIGURATION):
            if not file.secret:
                lines += [f"@file {file.path}", base64.b64encode(file.content).decode()]
    return [*lines, "@end"]


def told_certificate(*names: str, authority: bool | None = None) -> list[str]:
    """Return what a host tells of a certificate for these names.

    authority: what it says of that; None: nothing.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 1)
    made = made.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=90))
    if names:
        listed = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        made = made.add_extension(listed, critical=False)
    if authority is not None:
        made = made.add_extension(x509.BasicConstraints(authority, None), critical=True)
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return [str(int(NOW.timestamp())), *pem.decode().splitlines()]


def _left(one: Introduction, plane: Plane) -> Iterator[str]:
    left = {path: file for path, file in one.left.items() if file.plane.changes_with is plane}
    return _tabbed(("file", path, *_about(file)) for path, file in left.items())


def _about(file: LeftFile) -> tuple[str, ...]:
    secret = "1" if file.secret else "0"
    return (file.sha256, file.owner, file.group, f"{file.mode:04o}", secret)


def _tabbed(rows: Iterable[Iterable[str]]) -> Iterator[str]:
    return ("\t".join(row) for row in rows)
