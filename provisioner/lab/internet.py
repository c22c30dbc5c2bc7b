"""The lab's internet: a host with its own signed root, so that no query leaves the lab.

The host `inet` runs BIND. It is authoritative for a root that this lab made, and
for whatever hangs below it; it recurses for lab hosts, which makes it the public
forwarder of the tutorials too (`forward: {".": [10.89.0.253]}`). A resolver that
takes `Internet.trust_anchor` as its root trust anchor validates all of it.

To begin with there are
    example.            signed; www.example (.253 outside)
    outside.example.    signed; a sender's domain, MX mail.outside.example (.252 outside)
    test.               signed, and outside.test. likewise; but know that Unbound answers
                        for test. itself unless told `local-zone: "test." nodefault`
    com. net. org.      not signed, and provably so; www.example.com and so on
    the reverse zones of the lab's networks, signed
and `add_zone` makes more, with the delegation and the DS in the zone above.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import dns.exception
import dns.name

from provisioner.lab.addresses import (
    Address,
    lab_address,
    lab_address6,
    networks,
    outside_address,
    outside_address6,
)
from provisioner.lab.failures import lab_error
from provisioner.lab.host import LabHost
from provisioner.lab.zones import (
    ZoneSpec,
    dnskey_record,
    ds_records,
    make_zone_key,
    parent_of,
    render_zone,
)

INTERNET_HOST = "inet"
INTERNET_LAST = 253
OUTSIDE_LAST = 252
_SERVER = "ns.example."
_FOLDER = "/etc/bind/lab"
_LABEL_BITS = {4: 8, 6: 4}  # what one label of a reverse name stands for


@dataclass(frozen=True, slots=True)
class Internet:
    """The internet of one lab; `store` is the file on this machine with zones and keys."""

    host: LabHost
    store: Path

    @property
    def address(self) -> str:
        """IPv4 address of the forwarder."""
        return lab_address(self.host.number, INTERNET_LAST)

    @property
    def trust_anchor(self) -> str:
        """The root's DS record as one zone-file line, as Unbound's `trust-anchor` takes it."""
        return f". IN DS {ds_records(self._root())[0]}"

    @property
    def trust_anchor_dnskey(self) -> str:
        """The root's DNSKEY record as one zone-file line."""
        return f". IN DNSKEY {dnskey_record(self._root())}"

    def create(self) -> None:
        """Make keys and zones of a new internet, on a host that was not yet booted."""
        number = self.host.number
        zones = [
            ZoneSpec(spec.name, spec.records, make_zone_key() if spec.key else "")
            for spec in first_zones(number)
        ]
        self._save(zones)

    def zones(self) -> list[ZoneSpec]:
        """Return all zones as they were given."""
        data = json.loads(self.store.read_text())
        return [ZoneSpec(zone["name"], tuple(zone["records"]), zone["key"]) for zone in data]

    def add_zone(self, name: str, records: Sequence[str], *, signed: bool = True) -> None:
        """Add a zone, or replace the one of that name, and delegate it from the zone above.

        records are zone-file lines without SOA and NS, such as `@ IN MX 10 mail` or
        `mail IN A 10.89.3.10`. Answered at once; who asked before may remember the
        old answer for 30 s, a name's absence for 5 s. Raises MailprovError for
        records that cannot be read.
        """
        zone = dns.name.from_text(name).to_text().lower()
        zones = {spec.name: spec for spec in self.zones()}
        old = zones.get(zone)
        key = (old.key if old and old.key else make_zone_key()) if signed else ""
        zones[zone] = ZoneSpec(zone, tuple(records), key)
        self._save(list(zones.values()))
        self._serve(zone)

    def remove_zone(self, name: str) -> None:
        """Remove a zone and its delegation; none of that name is fine."""
        zone = dns.name.from_text(name).to_text().lower()
        self._save([spec for spec in self.zones() if spec.name != zone])
        self._serve(zone)

    def wait_until_ready(self, timeout: float = 30) -> None:
        """Return once the root is served; raise MailprovError after `timeout` seconds."""
        self._wait_for(".", timeout)

    def _serve(self, changed: str) -> None:
        """Have the running server read everything anew; return when a change is visible.

        That is when the zone, unless it was removed, and the one above are as saved.
        """
        if not self.host.is_running():
            return
        self.host.check_run(["rndc", "reconfig"])
        self.host.check_run(["rndc", "reload"])
        names = [spec.name for spec in self.zones()]
        for zone in (changed, parent_of(changed, names)):
            if zone is not None and zone in names:
                self._wait_for(zone)

    def _root(self) -> ZoneSpec:
        return next(spec for spec in self.zones() if spec.name == ".")

    def _wait_for(self, zone: str, timeout: float = 30) -> None:
        """Return once the server serves the zone's newest serial."""
        deadline = time.monotonic() + timeout
        want = f"serial: {self._serial()}"
        while True:
            done = self.host.run(["rndc", "zonestatus", zone])
            if want in done.stdout:
                return
            if time.monotonic() > deadline:
                raise lab_error(
                    "the lab's internet does not serve a zone",
                    where=f"{self.host.name}: {zone}",
                    got=(done.stderr or done.stdout).strip(),
                    want=want,
                )
            time.sleep(0.05)

    def _serial(self) -> int:
        return int(self.store.stat().st_mtime)

    def _save(self, zones: Sequence[ZoneSpec]) -> None:
        """Render all zones, and only then write anything: bad records change nothing."""
        now = datetime.now(tz=UTC)
        previous = self._serial() if self.store.exists() else 0
        serial = max(int(now.timestamp()), previous + 1)
        files = {"named.conf": render_named_conf(zones, self._anchor_of(zones))}
        names = [zone.name for zone in zones]
        for zone in zones:
            children = [other for other in zones if parent_of(other.name, names) == zone.name]
            try:
                text = render_zone(zone, children, server=_SERVER, serial=serial, now=now)
            except (dns.exception.DNSException, ValueError) as problem:
                raise lab_error(
                    "these records cannot be read", where=zone.name, got=str(problem)
                ) from problem
            files[zone_file(zone.name)] = text
        temporary = self.store.with_suffix(".new")
        temporary.write_text(json.dumps([asdict(zone) for zone in zones], indent=1))
        for name, text in files.items():
            path = "/etc/bind/named.conf" if name == "named.conf" else f"{_FOLDER}/{name}"
            self.host.write_file(path, text)
        anchors = render_trust_anchors(self._anchor_of(zones))
        self.host.write_file(f"{_FOLDER}/trust-anchors.conf", anchors)
        temporary.replace(self.store)
        os.utime(self.store, (serial, serial))

    @staticmethod
    def _anchor_of(zones: Sequence[ZoneSpec]) -> str:
        return ds_records(next(zone for zone in zones if zone.name == "."))[0]


def first_zones(number: int) -> list[ZoneSpec]:
    """Return the zones of a new internet; `key` only tells whether a zone is to be signed."""
    server = (
        f"{_SERVER} IN A {lab_address(number, INTERNET_LAST)}",
        f"{_SERVER} IN AAAA {lab_address6(number, INTERNET_LAST)}",
    )
    web = (
        f"www IN A {outside_address(number, INTERNET_LAST)}",
        f"www IN AAAA {outside_address6(number, INTERNET_LAST)}",
        f"www.example IN A {outside_address(number, INTERNET_LAST)}",
        f"www.example IN AAAA {outside_address6(number, INTERNET_LAST)}",
        "example IN MX 10 www.example",
    )
    outside = (
        "@ IN MX 10 mail",
        f"mail IN A {outside_address(number, OUTSIDE_LAST)}",
        f"mail IN AAAA {outside_address6(number, OUTSIDE_LAST)}",
        '@ IN TXT "v=spf1 mx -all"',
    )
    return [
        ZoneSpec(".", server, "sign"),
        ZoneSpec("example.", (*server, *web), "sign"),
        ZoneSpec("test.", web, "sign"),
        *(ZoneSpec(f"outside.{top}.", outside, "sign") for top in ("example", "test")),
        *(ZoneSpec(f"{name}.", web) for name in ("com", "net", "org")),
        *(ZoneSpec(name, records, "sign") for name, records in _reverse_zones(number)),
    ]


def _reverse_zones(number: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return names and records of the reverse zones; sites add what is theirs."""
    zones = []
    for network in networks(number):
        labels = network.network_address.reverse_pointer.split(".")
        kept = labels[(network.max_prefixlen - network.prefixlen) // _LABEL_BITS[network.version] :]
        name = ".".join(kept) + "."
        pointers = [
            f"{address.reverse_pointer}. IN PTR {target}"
            for address, target in _pointers(number)
            if address in network
        ]
        zones.append((name, tuple(pointers)))
    return zones


def _pointers(number: int) -> list[tuple[Address, str]]:
    inet = (lab_address(number, INTERNET_LAST), lab_address6(number, INTERNET_LAST))
    web = (outside_address(number, INTERNET_LAST), outside_address6(number, INTERNET_LAST))
    mail = (outside_address(number, OUTSIDE_LAST), outside_address6(number, OUTSIDE_LAST))
    named = [(inet, _SERVER), (web, "www.example."), (mail, "mail.outside.example.")]
    return [(ip_address(text), target) for texts, target in named for text in texts]


def zone_file(name: str) -> str:
    """Return the file name of a zone."""
    return f"{name.rstrip('.') or 'root'}.zone"


def render_trust_anchors(ds: str) -> str:
    """Return BIND's trust anchor statement, which `delv -a` reads too."""
    tag, algorithm, kind, digest = ds.split()
    return f'trust-anchors {{ . static-ds {tag} {algorithm} {kind} "{digest}"; }};\n'


def render_named_conf(zones: Sequence[ZoneSpec], ds: str) -> str:
    """Return BIND's whole configuration."""
    blocks = [
        f'zone "{zone.name}" {{ type primary; file "{_FOLDER}/{zone_file(zone.name)}"; }};'
        for zone in zones
    ]
    options = (
        "// Written by mailprov for its lab.\n"
        "options {\n"
        '    directory "/var/cache/bind";\n'
        "    listen-on { any; };\n"
        "    listen-on-v6 { any; };\n"
        "    recursion yes;\n"
        "    allow-query { any; };\n"
        "    allow-recursion { any; };\n"
        "    allow-query-cache { any; };\n"
        "    empty-zones-enable no;\n"
        "    dnssec-validation yes;\n"
        "    notify no;\n"
        "};\n"
    )
    return options + render_trust_anchors(ds) + "\n".join(blocks) + "\n"
