"""Lays a rendered host on a lab host by hand, for sites that `apply` does not take yet.

It stands in for a transaction with as little as that takes: accounts, folders, files, and what a
host makes itself. Nothing is checked, and nothing is kept of what was there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from provisioner.lab import LabHost
from provisioner.plan.generation import Generation
from provisioner.resources.recipe import Recipe

PROBE_PASSWORD = "probe"

_CERTIFICATE = """
[req]
distinguished_name = none
x509_extensions = server
[none]
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:{name}
"""
_MAKE = """
cd /root && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out own.key &&
openssl req -config own.cnf -x509 -new -key own.key -days 10 -subj /CN={name} -out own.crt &&
install -d /etc/mailprov/tls && cat own.key own.crt >{path} && chmod 600 {path}
"""


def make_certificate(host: LabHost, generation: Generation) -> bytes:
    """Make the certificate of a host by its recipe, and return it in PEM."""
    (recipe,) = (one for one in generation.recipes if one.kind == "self-signed")
    host.write_file("/root/own.cnf", _CERTIFICATE.format(name=recipe.subject))
    script = _MAKE.format(name=recipe.subject, path=recipe.path)
    host.check_run(["sh", "-ec", script])
    return host.read_file("/root/own.crt").encode()


def lay(host: LabHost, generation: Generation) -> None:
    """Make accounts and folders, write every file, and make what the host makes itself."""
    host.check_run(["sh", "-ec", "\n".join(_accounts(generation))])
    for artifact in generation.artifacts:
        host.write_file(artifact.path, artifact.content.decode(), artifact.mode)
        host.check_run(["chown", f"{artifact.owner}:{artifact.group}", artifact.path])
    for recipe in generation.recipes:
        _make(host, recipe)


def _accounts(generation: Generation) -> Iterator[str]:
    yield "umask 022"
    for group in generation.groups:
        yield f"getent group {group.name} >/dev/null || groupadd --system {group.name}"
    for account in generation.accounts:
        command = ["useradd", "--system", "-g", account.group, "-d", account.home, "-M"]
        yield f"id {account.name} >/dev/null 2>&1 || {shlex.join([*command, account.name])}"
    for folder in generation.folders:
        owner = f"-o {folder.owner} -g {folder.group} -m {folder.mode:o}"
        yield f"install -d {owner} {folder.path}"


def _make(host: LabHost, recipe: Recipe) -> None:
    if recipe.kind == "probe":
        ids = host.run(["sh", "-c", "getent passwd mailprov-probe | cut -d: -f3,4"]).stdout.strip()
        row = f"{recipe.subject}:{{PLAIN}}{PROBE_PASSWORD}:{ids or ':'}::/var/lib/mailprov-probe::"
        host.write_file(recipe.path, f"{row}\n", recipe.mode)
    elif recipe.kind == "probe-address":
        name, _, domain = recipe.subject.partition("@")
        rows = f"{name}+word@{domain} DUNNO\n{name}@ 550 5.7.1 probes only\n"
        host.write_file(recipe.path, rows, recipe.mode)
    else:
        return
    host.check_run(["chown", f"{recipe.owner}:{recipe.group}", recipe.path])
