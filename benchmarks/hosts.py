"""The lab hosts of a benchmark: booted, restored to an earlier state, described.

`keep` keeps a host's state as an archive on the host itself, and `return_to` restores it from
there. `describe` asks a host about its resources. None of them uses a tool that is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.layouts import address_of, host_keys
from provisioner.lab import HostSpec, Lab, LabHost, list_states

T = TypeVar("T")

UNITS = ("unbound.service", "dovecot.service", "postfix.service")

# Ansible's modules need Python on the host, its apt module Python's bindings of apt.
_PEERS_NEED = ("python3", "python3-apt")
_INSTALL = """
export DEBIAN_FRONTEND=noninteractive
apt-get -q -y --no-install-recommends install "$@" ||
    { apt-get -q update && apt-get -q -y --no-install-recommends install "$@"; }
"""
_ROOTS = "cd /; roots='etc'; for one in var/lib/mailprov var/lib/mailprov-probe srv; do"
_ROOTS += ' [ ! -e "$one" ] || roots="$roots $one"; done\n'
_KEEP = f"""set -eu
{_ROOTS}
to=/root/.benchmark/$1; shift
rm -rf "$to"; mkdir -p "$to"
tar -cpf "$to/tree.tar" --numeric-owner $roots
find $roots | LC_ALL=C sort >"$to/paths"
for unit; do if systemctl -q is-active "$unit"; then echo "$unit"; fi; done >"$to/active"
"""
_RETURN = f"""set -eu
{_ROOTS}
from=/root/.benchmark/$1; shift
for unit; do grep -qx "$unit" "$from/active" || systemctl stop "$unit"; done
find $roots | LC_ALL=C sort | LC_ALL=C comm -23 - "$from/paths" | sort -r |
    while IFS= read -r path; do rm -rf "/$path"; done
tar -xpf "$from/tree.tar" --numeric-owner
systemctl daemon-reload
while read -r unit; do systemctl reload-or-restart "$unit"; done <"$from/active"
"""
# One answer a line: kind, name, what was found.
_DESCRIBE = r"""
place() { stat -c '%F %U:%G %a' "$1" 2>/dev/null; }
while IFS='	' read -r kind name; do
    case $kind in
        package) found=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) ;;
        file) found="$(place "$name") $(sha256sum <"$name" 2>/dev/null)" ;;
        place) found=$(place "$name") ;;
        group) found=$(getent group "$name" | cut -d : -f 1,4) ;;
        account) found=$(getent passwd "$name" | cut -d : -f 1,6,7):$(id -gn "$name" 2>/dev/null) ;;
        unit) found="$(systemctl is-enabled "$name" 2>/dev/null)" ;;
        running) found="$(systemctl is-active "$name" 2>/dev/null)" ;;
    esac
    printf '%s %s\t%s\n' "$kind" "$name" "$found"
done
"""


@dataclass(frozen=True)
class Hosts:
    """The hosts that are managed, of a lab that is up."""

    lab: Lab
    names: tuple[str, ...]

    @classmethod
    def up(cls, name: str, count: int) -> Hosts:
        """Bring up hosts with all packages of mail servers, and what Ansible needs of a host.

        Their state at first, with no service of mail or DNS up, is kept as `found`.
        """
        names = host_keys(count)
        specs = [
            HostSpec(key, (address_of(number),), "debian-12-mail", fqdn=f"{key}.d1.example")
            for number, key in enumerate(names, 1)
        ]
        fresh = name not in list_states()
        hosts = cls(Lab.up(name, specs), names)
        hosts.each(lambda host: host.check_run(_sh(_INSTALL, *_PEERS_NEED), timeout=300))
        if fresh:
            # Debian has them up with its own defaults by now.
            hosts.each(lambda host: host.check_run(["systemctl", "disable", "--now", *UNITS]))
            hosts.keep("found")
        return hosts

    @property
    def addresses(self) -> dict[str, str]:
        """Each host's address by its name."""
        return {name: self.lab.host(name).address for name in self.names}

    @property
    def bridge(self) -> str:
        """The interface between this machine and the hosts."""
        return f"mpl{self.lab.number}"

    @property
    def groups(self) -> list[Path]:
        """The hosts' folders below the cgroup2 mount."""
        return [self.lab.host(name).cgroup.folder for name in self.names]

    @property
    def ssh_folder(self) -> Path:
        """The folder with the key, the host keys and the ssh_config for these hosts."""
        return self.lab.home / ".ssh"

    def each(self, work: Callable[[LabHost], T]) -> dict[str, T]:
        """Do work on all hosts side by side; return the results by name."""
        with ThreadPoolExecutor(len(self.names)) as pool:
            futures = {name: pool.submit(work, self.lab.host(name)) for name in self.names}
            return {name: future.result() for name, future in futures.items()}

    def keep(self, state: str) -> None:
        """Keep the state of configuration, accounts and services under a name."""
        self.each(lambda host: host.check_run(_sh(_KEEP, state, *UNITS)))

    def return_to(self, state: str) -> None:
        """Restore a kept state."""
        self.each(lambda host: host.check_run(_sh(_RETURN, state, *UNITS)))

    def describe(self, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
        """Return what the hosts are, by host and resource. wanted: `resources_of` each host."""

        def ask(host: LabHost) -> dict[str, str]:
            rows = "".join(f"{kind}\t{name}\n" for kind, name in questions(wanted[host.name]))
            lines = host.check_run(_sh(_DESCRIBE), stdin=rows).splitlines()
            return dict(line.split("\t", 1) for line in lines)

        return self.each(ask)


def questions(resources: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return kind and name of everything that `describe` asks a host about."""
    files = [file["path"] for files in resources["files"].values() for file in files]
    return [
        *(("package", name) for name in resources["packages"]),
        *(("group", group["name"]) for group in resources["groups_wanted"]),
        *(("account", account["name"]) for account in resources["accounts"]),
        *(("place", folder["path"]) for folder in resources["directories"]),
        *(("file", path) for path in [*files, *(f["path"] for f in resources["resolver"])]),
        # Their content is made on the host, and is never the same twice.
        *(("place", made["path"]) for made in resources["made"]),
        *(("unit", unit["name"]) for unit in resources["units"]),
        *(("running", unit["running"]) for unit in resources["units"]),
    ]


def differences(
    one: Mapping[str, Mapping[str, str]], other: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """Return a line for each resource that is not the same in two descriptions."""
    found = []
    for host in sorted({*one, *other}):
        here, there = one.get(host, {}), other.get(host, {})
        for name in sorted({*here, *there}):
            got, want = here.get(name, "nothing"), there.get(name, "nothing")
            if got != want:
                found.append(f"{host}: {name}: {got!r}, not {want!r}")
    return found


def unlike_wanted(
    described: Mapping[str, Mapping[str, str]], wanted: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Return a line for each file, package or service that is not as it was wanted."""
    found = []
    for host, resources in wanted.items():
        files = [f for group in resources["files"].values() for f in group]
        expected = {
            **{f"package {name}": "installed" for name in resources["packages"]},
            **{f"unit {unit['name']}": "enabled" for unit in resources["units"]},
            **{f"running {unit['running']}": "active" for unit in resources["units"]},
            **{
                f"file {f['path']}": f"regular file {f['owner']}:{f['group']}"
                f" {int(f['mode'], 8):o} {f['sha256']}  -"
                for f in [*files, *resources["resolver"]]
            },
        }
        got = described.get(host, {})
        found += [
            f"{host}: {name}: {got.get(name)!r}, not {want!r}"
            for name, want in expected.items()
            if got.get(name) != want
        ]
    return found


def _sh(script: str, *arguments: str) -> list[str]:
    return ["sh", "-c", script, "sh", *arguments]
