"""The state and the managed files of a host, kept from an earlier version and laid on another.

A folder of tests/recorded/states holds what one version left on a host: `host.tar.gz`, the
site files that it applied one after the other, and `made.json`, which says by what it was made.
tests/recorded/states/record.py makes such a folder.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from provisioner.lab import HostSpec, LabHost

STATES = Path(__file__).parents[1] / "recorded/states"
STATE = "/var/lib/mailprov"
TABLE = "/var/lib/mailprov-directory"
HOST = HostSpec("mail", ("10.89.0.4",), "debian-12-mail")
"""A host on which the daemons are installed, and nothing else was done."""

# In every lab the same, for it stands in the files that the host is to have.
ADDRESS = "192.0.2.10"
_RECOVERY = (
    "/etc/systemd/system/mailprov-recover.service",
    "/etc/systemd/system/multi-user.target.wants/mailprov-recover.service",
)
_MANAGED = rf"""
head=$(cut -f 2 {STATE}/head)
cat {STATE}/generations/$head/manifest {STATE}/directory/left |
    awk -F '\t' '$1 == "file" {{ print $2 }}'
find {STATE} {TABLE} ! -name lock ! -name holder 2>/dev/null || [ ! -e {TABLE} ]
"""
_PACK = "tar -c --no-recursion --sort=name -C / -T - | base64"
_ACCOUNT = """
getent group "$2" >/dev/null || groupadd --system "$2"
getent passwd "$1" >/dev/null || useradd --system -g "$2" -d "$3" -s "$4" -M "$1"
"""
_LAY = f"""
systemctl stop postfix dovecot unbound
ip address add {ADDRESS}/32 dev eth0
base64 -d | tar -x -z -p -C /
"""


@dataclass(frozen=True)
class Made:
    """By what a recording was made, and what has to be on a host beside files.

    date, commit, version: of the mailprov. release: the host's. generations: in the order in
    which they came. snapshots: the numbers of the transactions whose users are kept.
    accounts: name, group, home and shell of daemons' accounts.
    """

    date: str
    commit: str
    version: str
    release: str
    generations: tuple[str, ...]
    snapshots: tuple[int, ...]
    groups: tuple[str, ...]
    accounts: tuple[tuple[str, str, str, str], ...]
    units: tuple[str, ...]


@dataclass(frozen=True)
class Recording:
    """One folder of tests/recorded/states."""

    folder: Path

    @property
    def made(self) -> Made:
        """By what it was made."""
        fields = json.loads((self.folder / "made.json").read_text(encoding="utf-8"))
        return Made(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in fields.items()
            }
        )

    @property
    def sites(self) -> tuple[Path, ...]:
        """The site files, in the order in which they were applied; written for lab 0."""
        return tuple(sorted(self.folder.glob("*.yaml")))

    @property
    def archive(self) -> Path:
        """The state and the managed files of the host."""
        return self.folder / "host.tar.gz"

    def lay_on(self, host: LabHost) -> None:
        """Make a host what the recorded one was: accounts, files, state, running services."""
        made = self.made
        for group in made.groups:
            host.check_run(["sh", "-c", 'getent group "$1" || groupadd --system "$1"', "sh", group])
        for account in made.accounts:
            host.check_run(["sh", "-c", _ACCOUNT, "sh", *account])
        packed = base64.b64encode(self.archive.read_bytes()).decode()
        host.check_run(["sh", "-euc", _LAY], stdin=packed)
        host.check_run(["systemctl", "daemon-reload"])
        for unit in made.units:
            host.check_run(["systemctl", "-q", "enable", unit])
            host.check_run(["systemctl", "restart", unit])


def recordings() -> tuple[Recording, ...]:
    """Return all recordings, the oldest first."""
    return tuple(Recording(one.parent) for one in sorted(STATES.glob("*/made.json")))


def keep_host(
    folder: Path, host: LabHost, made: Mapping[str, str], history: Mapping[str, object]
) -> None:
    """Write what is on the host into the folder of a recording.

    made: date, commit, version and release. history: as `history --json` has it of the host.
    """
    record = _record_in_force(host)
    accounts = [
        tuple(one[key] for key in ("name", "group", "home", "shell")) for one in record["accounts"]
    ]
    fields = Made(
        **made,
        generations=_in_order(history["events"], "configuration", "generation"),
        snapshots=_in_order(history["events"], "directory", "number"),
        groups=tuple(one["name"] for one in record["groups"]),
        accounts=tuple(accounts),
        units=tuple(one["name"] for one in record["units"]),
    )
    text = json.dumps(asdict(fields), indent=1) + "\n"
    (folder / "made.json").write_text(text, encoding="utf-8")
    packed = base64.b64decode(_packed(host, record))
    (folder / "host.tar.gz").write_bytes(gzip.compress(packed, mtime=0))


def _record_in_force(host: LabHost) -> dict[str, list[dict[str, str]]]:
    name = host.read_file(f"{STATE}/head").split()[1]
    text = host.read_file(f"{STATE}/generations/{name}/record")
    # Format 1 has a line before its JSON.
    return dict(json.loads(text[text.index("{") :]))


def _packed(host: LabHost, record: Mapping[str, list[dict[str, str]]]) -> str:
    paths = {*host.check_run(["sh", "-c", _MANAGED]).split("\n"), *_RECOVERY} - {""}
    folders = record.get("folders") or record.get("directories") or []
    paths |= {one["path"] for one in (*folders, *record["recipes"])}
    paths |= set(_own_folders(paths))
    names = "".join(f"{path[1:]}\n" for path in sorted(paths))
    return host.check_run(["sh", "-c", _PACK], stdin=names)


def _own_folders(paths: Iterable[str]) -> Iterator[str]:
    """Yield the folders that mailprov made for its files."""
    for path in paths:
        yield from (str(one) for one in PurePosixPath(path).parents if "mailprov" in str(one))


def _in_order(events: object, plane: str, field: str) -> tuple[str, ...]:
    assert isinstance(events, list)
    return tuple(dict.fromkeys(one[field] for one in events if one["plane"] == plane))
