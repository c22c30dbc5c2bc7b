"""Builds root trees and keeps them: the disks that lab hosts boot from, never write to.

`ensure_tree` returns at once when the tree is there. Otherwise it builds it under a
lock (a second run waits, and then finds it), under a temporary name, and renames it
at the end: a tree that has its name is whole. The name carries a digest of all that
went into the tree (recipe, package sources, the way it is built, the base), so a
changed recipe makes a new tree and never a stale one.

Building happens in a private mount and process namespace: whatever ends it,
nothing stays mounted and nothing keeps running. Packages come through the cache.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from provisioner.lab.layout import LAY_OUT, layout_digest, layout_folder
from provisioner.lab.package_cache import cache_url, start_cache
from provisioner.lab.package_sources import (
    read_machine_apt_settings,
    read_machine_sources,
    render_sources,
    through_cache,
)
from provisioner.lab.places import cache_root, exclusive
from provisioner.lab.programs import run_program
from provisioner.lab.tree_recipes import MASKED_UNITS, TreeRecipe, tree_recipe

_BUILD_SECONDS = 1800
_NAMESPACE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private")
# Arguments: the new tree, packages, release, mirror (or nothing).
_DEBOOTSTRAP = 'exec debootstrap --variant=minbase --include="$2" "$3" "$1" ${4:+"$4"}'
# Arguments: the new layer, the layers below it (or ""), packages to install.
_INSTALL = """
set -eu
root=$1 lower=$2; shift 2
if [ -n "$lower" ]; then
    mkdir "$root.work" "$root.all"
    mount -t overlay overlay -o "lowerdir=$lower,upperdir=$root,workdir=$root.work" "$root.all"
    root=$root.all
fi
mount -t proc proc "$root/proc"
printf '#!/bin/sh\\nexit 101\\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
in_root() {
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/root \\
        DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
}
in_root apt-get -q update
in_root apt-get -q -y dist-upgrade
[ $# = 0 ] || in_root apt-get -q -y install --no-install-recommends "$@"
in_root apt-get clean
rm "$root/usr/sbin/policy-rc.d"
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root"/var/log/*.log
: >"$root/etc/machine-id"
"""


def ensure_tree(name: str) -> tuple[Path, ...]:
    """Return the layers of a tree, topmost first, building what is missing.

    Takes about a minute for a bare tree and half of that for each other. Raises
    MailprovError for an unknown name or with the last lines of a failed build.
    """
    recipe = tree_recipe(name)
    below = ensure_tree(recipe.base) if recipe.base else ()
    sources = render_sources(read_machine_sources(), recipe.codename)
    settings = read_machine_apt_settings()
    digest = tree_digest(recipe, sources, settings, below)
    target = cache_root() / "trees" / f"{name}-{digest}"
    if not target.exists():
        with exclusive(f"tree-{name}"):
            if not target.exists():
                start_cache()
                _build(recipe, target, below, (sources, settings))
    return (target, *below)


def is_tree_built(name: str) -> bool:
    """Tell whether some version of the tree is in the cache."""
    return any((cache_root() / "trees").glob(f"{name}-" + "[0-9a-f]" * 12))


def tree_digest(
    recipe: TreeRecipe, sources: str, settings: Mapping[str, str], below: tuple[Path, ...]
) -> str:
    """Return 12 hexadecimal digits that change whenever the tree would."""
    described = asdict(recipe)
    layout = described.pop("layout")
    parts = [
        described,
        sources,
        dict(settings),
        [layer.name for layer in below],
        MASKED_UNITS,
        _DEBOOTSTRAP,
        _INSTALL,
        render_apt_settings(settings, cache_url()),
        *([LAY_OUT, layout_digest(layout)] if layout else []),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def render_apt_settings(settings: Mapping[str, str], proxy: str) -> str:
    """Return the apt.conf.d file of a lab host."""
    lines = [
        "// Written by mailprov for its lab: packages come through the lab's cache.",
        f'Acquire::http::Proxy "{proxy}";',
        'Acquire::Languages "none";',
        *(f'{name} "{value}";' for name, value in sorted(settings.items())),
    ]
    return "\n".join(lines) + "\n"


def _build(
    recipe: TreeRecipe,
    target: Path,
    below: tuple[Path, ...],
    apt: tuple[str, Mapping[str, str]],
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{recipe.name}-building-*"):
        shutil.rmtree(leftover)
    workshop = Path(tempfile.mkdtemp(prefix=f".{recipe.name}-building-", dir=target.parent))
    root = workshop / "tree"
    root.mkdir(mode=0o755)
    packages = recipe.packages
    if not below:
        _bootstrap(recipe, root)
        _configure(root, *apt)
        packages = ()
    lower = ":".join(str(layer) for layer in below)
    run_program(
        [*_NAMESPACE, "sh", "-c", _INSTALL, "sh", str(root), lower, *packages],
        timeout=_BUILD_SECONDS,
    )
    if recipe.layout:
        arguments = [str(root), lower, str(layout_folder(recipe.layout))]
        run_program([*_NAMESPACE, "sh", "-c", LAY_OUT, "sh", *arguments], timeout=_BUILD_SECONDS)
    root.rename(target)
    shutil.rmtree(workshop)


def _bootstrap(recipe: TreeRecipe, root: Path) -> None:
    mirrors = [source.uri for source in read_machine_sources() if not source.suite]
    arguments = [str(root), ",".join(recipe.packages), recipe.codename]
    run_program(
        [*_NAMESPACE, "sh", "-c", _DEBOOTSTRAP, "sh", *arguments, *map(through_cache, mirrors[:1])],
        environment={"http_proxy": cache_url(), "https_proxy": ""},
        timeout=_BUILD_SECONDS,
    )


def _configure(root: Path, sources: str, settings: Mapping[str, str]) -> None:
    apt = root / "etc/apt"
    if sources:
        (apt / "sources.list").write_text(sources)
    (apt / "apt.conf.d/90lab").write_text(render_apt_settings(settings, cache_url()))
    for unit in MASKED_UNITS:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    # debootstrap copies this machine's own resolver and name, which no lab host may use.
    (root / "etc/resolv.conf").write_text("")
    (root / "etc/hostname").write_text("localhost\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
