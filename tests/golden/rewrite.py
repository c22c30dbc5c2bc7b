"""Golden trees: what every file of an inventory looks like on a platform.

`make golden` rewrites them from today's templates; the diff of a change to a template is
then a diff of real configuration, and the reviewer judges that. The trees hold what
`mailprov render` writes offline: placeholders stand for secrets. An inventory's tree on
debian-12 is there whole; `others.diff` beside it has what the other platforms have
otherwise (differences.py says how it is read).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from golden.differences import differences, tree_of

from provisioner.directory.inline import directory_of
from provisioner.model.secrets import SiteSecrets
from provisioner.plan.compile import compile_generation
from provisioner.plan.listing import host_listing
from provisioner.platforms.records import known_platforms, platform_named
from provisioner.render.artifact import Artifact
from provisioner.render.nature import RESOLVER_MANAGERS, Firewall, FirewallKind, Nature
from provisioner.site.load import load_site

GOLDEN = Path(__file__).parent
_INVENTORIES = GOLDEN.parents[1] / "inventories"

SITES = {
    "tutorial": _INVENTORIES / "tutorial/site.yaml",
    "tutorial-open": _INVENTORIES / "tutorial/open.yaml",
    "beginner": _INVENTORIES / "beginner/site.yaml",
    "everything": GOLDEN / "everything/site.yaml",
    "split": GOLDEN / "split/site.yaml",
}
PLATFORMS = tuple(platform.name for platform in known_platforms())
WHOLE = "debian-12"
_FIREWALLS: Mapping[str, FirewallKind] = {"debian": "nftables", "ubuntu": "ufw", "el": "firewalld"}


def rendered_tree(name: str, platform: str) -> dict[str, bytes]:
    """Return an inventory's files on a platform: `HOST/PATH` to content.

    `HOST/FILES` lists what a tree of files cannot show: owners, modes, and who reads what. The rest
    of what a host should be is in `HOST/HOST`.
    """
    site = load_site(SITES[name]).site
    files: dict[str, bytes] = {}
    secrets = SiteSecrets(directory_of(site).hashes())
    for host in site.hosts:
        generation = compile_generation(site, host, nature_of(name, platform), secrets, {})
        artifacts = generation.artifacts
        files[f"{host.key}/HOST"] = host_listing(generation)
        files |= {f"{host.key}{artifact.path}": artifact.content for artifact in artifacts}
        files[f"{host.key}/FILES"] = "".join(_rows(artifacts)).encode()
    return files


def nature_of(name: str, platform: str) -> Nature:
    """Return what is known of the hosts of an inventory; those of two have a firewall."""
    record = platform_named(platform)
    if name not in {"everything", "split"}:
        return Nature(record)
    firewall = Firewall(_FIREWALLS[platform.partition("-")[0]], "internal")
    return Nature(record, firewall, RESOLVER_MANAGERS)


def golden_tree(name: str, platform: str) -> dict[str, bytes]:
    """Return the stored files of an inventory on a platform."""
    folder = GOLDEN / name / WHOLE
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    whole = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    return whole if platform == WHOLE else tree_of(whole, golden_differences(name), platform)


def golden_differences(name: str) -> str:
    """Return what is stored of the other platforms' differences from the whole tree."""
    return (GOLDEN / name / "others.diff").read_bytes().decode()


def rendered_differences(name: str) -> str:
    """Return an inventory's differences between the platforms as they are rendered."""
    others = [platform for platform in PLATFORMS if platform != WHOLE]
    trees = {platform: rendered_tree(name, platform) for platform in others}
    return differences(rendered_tree(name, WHOLE), trees)


def _rows(artifacts: tuple[Artifact, ...]) -> Iterator[str]:
    yield "# in the order of activation: mode owner:group plane rank path [readers]\n"
    for one in artifacts:
        marks = [*one.daemons, *(["restart"] if one.restart else [])]
        marks += ["secret"] if one.secret else []
        yield (
            f"{one.mode:04o} {one.owner}:{one.group} {one.plane} {one.rank} {one.path}"
            f" {' '.join(marks)}".rstrip()
            + "\n"
        )


def main() -> None:
    """Write all golden trees anew."""
    for name in SITES:
        folder = GOLDEN / name / WHOLE
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in rendered_tree(name, WHOLE).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder.parent / "others.diff").write_bytes(rendered_differences(name).encode())


if __name__ == "__main__":
    main()
