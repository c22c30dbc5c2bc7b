"""Debian package sources for lab hosts, taken from this machine's own configuration.

The lab asks no server that this machine's administrator did not configure: it
reads /etc/apt/sources.list and sources.list.d (both formats), keeps Debian's own
suites, and rewrites them for the release a host runs and for the package cache.
Where the machine has none (it is no Debian), debootstrap's own default stands.
Parsing is pure; only `read_machine_sources` reads files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.lab.programs import run_program

_CODENAMES = "buster|bullseye|bookworm|trixie|forky|sid|stable|oldstable|testing"
_SUITE = re.compile(rf"(?:{_CODENAMES})(?P<rest>-updates|-security)?/?")
_KEPT_COMPONENTS = ("main", "contrib", "non-free", "non-free-firmware")
_TAKEN_OVER = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")


@dataclass(frozen=True, slots=True)
class PackageSource:
    """One place of Debian packages: `suite` is "", "-updates" or "-security"."""

    uri: str
    suite: str
    components: tuple[str, ...]

    def line(self, codename: str) -> str:
        """Return it as a sources.list line for a release, to be fetched through the cache."""
        return f"deb {through_cache(self.uri)} {codename}{self.suite} {' '.join(self.components)}"


def through_cache(uri: str) -> str:
    """Return the uri as a host asks the cache for it.

    The cache reads http from the hosts; `http://HTTPS///` tells it to ask by https.
    """
    secure = "https://"
    return f"http://HTTPS///{uri[len(secure) :]}" if uri.startswith(secure) else uri


def parse_sources_list(text: str) -> list[PackageSource]:
    """Return the Debian sources of a one-line-style file (sources.list)."""
    found = []
    for line in text.splitlines():
        plain = re.sub(r"\[[^]]*\]", "", line.split("#")[0])
        words = plain.split()
        if len(words) > 3 and words[0] == "deb":  # noqa: PLR2004 (deb URI SUITE COMPONENT…)
            found += _debian_sources([words[1]], [words[2]], words[3:])
    return found


def parse_deb822(text: str) -> list[PackageSource]:
    """Return the Debian sources of a deb822-style file (*.sources)."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = _stanza_fields(stanza)
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes") != "no":
            found += _debian_sources(
                fields.get("uris", "").split(),
                fields.get("suites", "").split(),
                fields.get("components", "").split(),
            )
    return found


def render_sources(sources: Iterable[PackageSource], codename: str) -> str:
    """Return a sources.list for a release; "" if there are no sources."""
    lines = dict.fromkeys(source.line(codename) for source in sources)
    return "".join(f"{line}\n" for line in lines)


def read_machine_sources(root: Path = Path("/etc/apt")) -> list[PackageSource]:
    """Return this machine's Debian sources, in the order apt reads them."""
    found: list[PackageSource] = []
    plain = [root / "sources.list", *sorted((root / "sources.list.d").glob("*.list"))]
    for path in plain:
        if path.is_file():
            found += parse_sources_list(path.read_text(errors="replace"))
    for path in sorted((root / "sources.list.d").glob("*.sources")):
        found += parse_deb822(path.read_text(errors="replace"))
    return found


def read_machine_apt_settings() -> Mapping[str, str]:
    """Return apt settings of this machine that its mirrors need and hosts must share."""
    try:
        dump = run_program(["apt-config", "dump", *_TAKEN_OVER])
    except Exception:  # noqa: BLE001 (no apt here means nothing to take over)
        return {}
    return dict(re.findall(r'^(\S+) "([^"]+)";$', dump, re.MULTILINE))


def _stanza_fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in (" ", "\t"):
            fields[name] = fields.get(name, "") + " " + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _debian_sources(
    uris: Iterable[str], suites: Iterable[str], components: Iterable[str]
) -> list[PackageSource]:
    """Keep what is Debian's own: others also call their suites after its releases."""
    kept = tuple(part for part in components if part in _KEPT_COMPONENTS)
    if "main" not in kept:
        return []
    matches = [match for suite in suites if (match := _SUITE.fullmatch(suite))]
    return [
        PackageSource(uri.rstrip("/"), match["rest"] or "", kept)
        for uri in uris
        if re.match(r"https?://", uri) and "debian" in uri
        for match in matches
    ]
