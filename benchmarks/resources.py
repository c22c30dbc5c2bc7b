"""A site resource by resource, for tools that have no sites.

The contents, owners and modes are mailprov's own. An operator of another tool would have
them as files or templates in a role. `write_resources` writes them into a folder: `HOST.json`
with the lists, and the contents below `files/`. A file that several hosts share has one copy.
Hosts make some files themselves: key and certificate, and the prober's login. Such a file is a
command with the path that it creates.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from provisioner.directory.inline import directory_of
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Site
from provisioner.plan.compile import compile_generation
from provisioner.plan.generation import Generation
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact
from provisioner.render.nature import Nature
from provisioner.resources.recipe import Recipe

Resources = dict[str, Any]
"""One host's resources, as they stand in its JSON file."""

PLATFORM = "debian-12"
_DAEMONS = ("unbound", "dovecot", "postfix")
_SELF_SIGNED = (
    "umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    " -days 3650 -subj /CN={subject} -addext subjectAltName=DNS:{subject}"
    " -keyout {path}.key -out {path}.crt && cat {path}.key {path}.crt >{path}"
    " && rm {path}.key {path}.crt"
)
_PROBE = (
    "umask 077 && hash=$(openssl rand -hex 24 | openssl passwd -6 -stdin)"
    " && ids=$(getent passwd mailprov-probe | cut -d : -f 3,4)"
    " && printf '%s:{{SHA512-CRYPT}}%s:%s::/var/lib/mailprov-probe::\\n'"
    ' \'{subject}\' "$hash" "$ids"'
    " >{path} && chown {owner}:{group} {path} && chmod {mode} {path}"
)


def generations_of(site: Site) -> tuple[Generation, ...]:
    """Return the generation of each host of a site whose passwords are all hashes."""
    secrets = SiteSecrets(directory_of(site).hashes())
    nature = Nature(platform_named(PLATFORM))
    return tuple(compile_generation(site, host, nature, secrets, {}) for host in site.hosts)


def write_resources(generations: Sequence[Generation], folder: Path) -> dict[str, Resources]:
    """Write the files of the other tools into `folder`; return each host's resources by name."""
    described = {}
    for generation in generations:
        resources = resources_of(generation)
        for artifact in generation.artifacts:
            source = folder / "files" / source_of(artifact)
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(artifact.content)
        (folder / f"{generation.host}.json").write_text(json.dumps(resources, indent=1))
        described[str(generation.host)] = resources
    return described


def resources_of(generation: Generation) -> Resources:
    """Return one host's resources; file contents are named by `source_of`."""
    return {
        "packages": list(generation.packages),
        "groups_wanted": [{"name": g.name, "system": g.system} for g in generation.groups],
        "accounts": [
            {"name": a.name, "group": a.group, "home": a.home, "shell": a.shell}
            for a in generation.accounts
        ],
        "directories": [*_parents(generation), *_directories(generation)],
        "files": {daemon: _files(generation, daemon) for daemon in _DAEMONS},
        "resolver": _files(generation, "resolver"),
        "made": [_made(recipe) for recipe in generation.recipes if recipe.kind != "trust-anchor"],
        "units": [{"name": u.name, "running": u.running} for u in generation.units],
    }


def source_of(artifact: Artifact) -> str:
    """Return the name of the file with an artifact's content."""
    return f"{PurePosixPath(artifact.path).name}.{artifact.sha256[:12]}"


def _directories(generation: Generation) -> list[dict[str, str]]:
    return [
        {"path": d.path, "owner": d.owner, "group": d.group, "mode": f"{d.mode:04o}"}
        for d in generation.folders
    ]


def _parents(generation: Generation) -> list[dict[str, str]]:
    """Return the folders of managed files that no package brings."""
    paths = [*(a.path for a in generation.artifacts), *(r.path for r in generation.recipes)]
    folders = {str(PurePosixPath(path).parent) for path in paths}
    return [
        {"path": folder, "owner": "root", "group": "root", "mode": "0755"}
        for folder in sorted(folders)
        if "mailprov" in folder
    ]


def _owner_of(artifact: Artifact) -> str:
    """Return the daemon whose file it is, by its place; `resolver` for resolv.conf."""
    parts = PurePosixPath(artifact.path).parts
    return parts[2] if parts[2] in _DAEMONS else "resolver"


def _files(generation: Generation, daemon: str) -> list[dict[str, str]]:
    return [
        {
            "path": artifact.path,
            "source": source_of(artifact),
            "owner": artifact.owner,
            "group": artifact.group,
            "mode": f"{artifact.mode:04o}",
            "sha256": artifact.sha256,
        }
        for artifact in generation.artifacts
        if _owner_of(artifact) == daemon
    ]


def _made(recipe: Recipe) -> dict[str, str]:
    template = _SELF_SIGNED if recipe.kind == "self-signed" else _PROBE
    command = template.format(
        path=recipe.path,
        subject=recipe.subject,
        owner=recipe.owner,
        group=recipe.group,
        mode=f"{recipe.mode:o}",
    )
    return {
        "path": recipe.path,
        "command": command,
        "owner": recipe.owner,
        "group": recipe.group,
        "mode": f"{recipe.mode:04o}",
    }
