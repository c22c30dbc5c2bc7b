"""Brings labs up and down: several hosts, their network, their internet, one by name.

    lab = Lab.up("demo", [HostSpec("mail", ("10.89.0.10",))])
    lab.host("mail").run(["true"])
    Lab.attach("demo").down()

`up` is idempotent: what runs is left alone, what is missing or dead is made or
booted, what is no longer wanted goes. `down` needs the name only; names of
interfaces, namespaces and groups follow from the lab's number, so it also removes
what a killed process left behind. A lock per lab makes the two wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.lab.addresses import (
    check_name,
    lab_address,
    lab_address6,
    outside_address,
    outside_address6,
    parse_lab_address,
    site_for_lab,
)
from provisioner.lab.claims import claim_number, take_down
from provisioner.lab.controller_home import make_home, write_ssh_files
from provisioner.lab.disk import Disk
from provisioner.lab.failures import lab_error
from provisioner.lab.host import LabHost
from provisioner.lab.identity import IdentityFile, LabIdentity, make_ssh_key, render_identity
from provisioner.lab.internet import INTERNET_HOST, INTERNET_LAST, Internet
from provisioner.lab.package_cache import cache_url, start_cache
from provisioner.lab.package_sources import read_machine_apt_settings
from provisioner.lab.places import exclusive
from provisioner.lab.prerequisites import require_all
from provisioner.lab.state import (
    HostSpec,
    LabState,
    check_specs,
    lab_folder,
    list_states,
    read_state,
    write_state,
)
from provisioner.lab.tree_recipes import INTERNET_ADDITION, LAYOUTS, base_of
from provisioner.lab.trees import ensure_tree, render_apt_settings

TRUST_ANCHOR_MARK = "@LAB_TRUST_ANCHOR@"


@dataclass(frozen=True, slots=True)
class LabHostStatus:
    """One host of a lab as it is now."""

    name: str
    addresses: tuple[str, ...]
    tree: str
    running: bool


@dataclass(frozen=True, slots=True)
class LabStatus:
    """One lab as it is now; `complete` means that every host runs."""

    name: str
    number: int
    hosts: tuple[LabHostStatus, ...]

    @property
    def complete(self) -> bool:
        """Tell whether every host of the lab runs."""
        return all(host.running for host in self.hosts)


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that has a state; get one from `up` or `attach`."""

    state: LabState
    all_hosts: tuple[LabHost, ...]

    @classmethod
    def up(cls, name: str, hosts: Sequence[HostSpec], *, internet: bool = True) -> Lab:
        """Bring up the lab `name` with exactly these hosts, and return it when all are ready.

        Addresses are written as for lab 0 and moved to the lab's number. internet
        adds the host `inet`, which the others use as their resolver. Seconds when the
        root trees exist, minutes when they must be built first. Raises MailprovError
        when the machine cannot run labs, a spec is wrong, or a host does not start.
        """
        check_name(name, "lab")
        check_specs(hosts, reserved=[INTERNET_HOST] if internet else [])
        require_all()
        with exclusive(f"lab-{name}"):
            number = claim_number(name)
            wanted = (*hosts, *([internet_spec(hosts)] if internet else []))
            old = read_state(name)
            write_state(LabState(name, number, internet, _both(old, wanted)))
            start_cache()
            state = LabState(name, number, internet, wanted)
            for spec in _obsolete(old, wanted):
                _host(state, spec).destroy()
            made = tuple(_host(state, spec) for spec in wanted)
            lab = cls(state, tuple(_with_tree(*pair) for pair in zip(made, wanted, strict=True)))
            lab._make_disks()
            write_state(state)
            lab._boot_all()
            return lab

    @classmethod
    def attach(cls, name: str) -> Lab:
        """Return the lab `name`, brought up before by whatever process.

        Raises MailprovError when there is none.
        """
        state = read_state(name)
        if state is None:
            raise lab_error(
                "there is no such lab",
                got=name,
                want=", ".join(list_states()) or "a lab that is up",
                fix=f"`mailprov lab up {name}` makes it",
            )
        return cls(state, tuple(_host(state, spec) for spec in state.hosts))

    @property
    def name(self) -> str:
        """The lab's name."""
        return self.state.name

    @property
    def number(self) -> int:
        """The lab's number, which all its addresses contain."""
        return self.state.number

    @property
    def home(self) -> Path:
        """A home directory from which `ssh` and `mailprov` reach the hosts as root."""
        return lab_folder(self.name) / "home"

    @property
    def hosts(self) -> dict[str, LabHost]:
        """The hosts by name, `inet` included."""
        return {host.name: host for host in self.all_hosts}

    @property
    def internet(self) -> Internet:
        """The lab's internet; raises MailprovError if it was brought up without one."""
        return Internet(self.host(INTERNET_HOST), lab_folder(self.name) / "internet.json")

    inet = internet

    @property
    def trust_anchor(self) -> str:
        """The DS record of the lab's own root, as one line."""
        return self.internet.trust_anchor

    def host(self, name: str) -> LabHost:
        """Return the host of that name; raise MailprovError, naming all, if there is none."""
        if name not in self.hosts:
            raise lab_error("the lab has no such host", got=name, want=", ".join(self.hosts))
        return self.hosts[name]

    def site(self, text: str) -> str:
        """Return an inventory written for lab 0 with this lab's addresses and trust anchor.

        The lab's root is its own, so an inventory for the lab says TRUST_ANCHOR_MARK where
        a site's Unbound has to trust it.
        """
        anchored = (
            text.replace(TRUST_ANCHOR_MARK, self.trust_anchor)
            if TRUST_ANCHOR_MARK in text
            else text
        )
        return site_for_lab(anchored, self.number)

    def status(self) -> LabStatus:
        """Return what runs right now."""
        hosts = tuple(
            LabHostStatus(spec.name, tuple(map(str, host.addresses)), spec.tree, host.is_running())
            for spec, host in zip(self.state.hosts, self.all_hosts, strict=True)
        )
        return LabStatus(self.name, self.number, hosts)

    def down(self, *, purge: bool = False) -> None:
        """Remove the lab without a trace; see `take_down`."""
        take_down(self.name, purge=purge)

    def _make_disks(self) -> None:
        public = make_home(self.home)
        for spec, host in zip(self.state.hosts, self.all_hosts, strict=True):
            if host.disk.is_usable():
                continue
            host.destroy()
            host.disk.create(_identity(self.state, spec, host, public))
            if host.name == INTERNET_HOST and self.state.internet:
                self.internet.store.unlink(missing_ok=True)
                self.internet.create()
        write_ssh_files(self.home, self.all_hosts)

    def _boot_all(self) -> None:
        def start(host: LabHost) -> None:
            host.boot()
            host.wait_until_ready()

        with ThreadPoolExecutor(max_workers=8) as pool:
            for outcome in [pool.submit(start, host) for host in self.all_hosts]:
                outcome.result()
        if self.state.internet:
            self.internet.wait_until_ready()


def internet_spec(hosts: Sequence[HostSpec]) -> HostSpec:
    """Return the spec of the host `inet`, of the same release as the lab's first host."""
    base = base_of(hosts[0].tree) if hosts else "debian-12"
    makers = (lab_address, lab_address6, outside_address, outside_address6)
    addresses = tuple(address(0, INTERNET_LAST) for address in makers)
    return HostSpec(INTERNET_HOST, addresses, f"{base}-{INTERNET_ADDITION}")


def _host(state: LabState, spec: HostSpec) -> LabHost:
    moved = [site_for_lab(text, state.number) for text in spec.addresses]
    addresses = tuple(parse_lab_address(text, state.number) for text in moved)
    folder = lab_folder(state.name) / "hosts" / spec.name
    return LabHost(spec.name, state.number, addresses, Disk.open(folder, spec.disk_mib))


def _with_tree(host: LabHost, spec: HostSpec) -> LabHost:
    """Return the host, over the newest version of its tree if it has no usable disk yet."""
    if host.disk.is_usable():
        return host
    return replace(host, disk=replace(host.disk, layers=ensure_tree(spec.tree)))


def _identity(
    state: LabState, spec: HostSpec, host: LabHost, authorized_key: str
) -> list[IdentityFile]:
    versions = {address.version for address in host.addresses}
    number = state.number
    nameservers = [lab_address(number, INTERNET_LAST)] if 4 in versions else []  # noqa: PLR2004
    if not nameservers:
        nameservers = [lab_address6(number, INTERNET_LAST)]
    files = render_identity(
        LabIdentity(
            name=spec.name,
            addresses=host.addresses,
            fqdn=spec.fqdn,
            machine_id=uuid.uuid4().hex,
            host_keys=[make_ssh_key("ed25519"), make_ssh_key("ecdsa")],
            authorized_key=authorized_key,
            nameservers=nameservers,
        )
    )
    if 4 not in versions and spec.tree not in LAYOUTS:  # noqa: PLR2004
        proxy = render_apt_settings(read_machine_apt_settings(), cache_url(version=6))
        files.append(IdentityFile("/etc/apt/apt.conf.d/90lab", proxy))
    return files


def _both(old: LabState | None, wanted: Sequence[HostSpec]) -> tuple[HostSpec, ...]:
    """Return old and new hosts: until `up` is through, `down` must find either."""
    names = {spec.name for spec in wanted}
    return (*wanted, *(spec for spec in (old.hosts if old else ()) if spec.name not in names))


def _obsolete(old: LabState | None, wanted: Sequence[HostSpec]) -> list[HostSpec]:
    """Return the hosts that are there and not, or not like this, wanted any more."""
    return [spec for spec in (old.hosts if old else ()) if spec not in wanted]
