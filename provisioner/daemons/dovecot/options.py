"""The escape hatch into Dovecot's settings, from the site file.

They replace what mailprov itself would have set under the same name, or come last, because
Dovecot reads its files in order. Nothing is quoted here: the person who uses the hatch writes
the daemon's own language. The model has refused control characters, and doveconf(1) runs before
anything goes live.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provisioner.render.environment import MANAGED

# Blocks in mailprov's own files of Dovecot.
_PROTOCOL = re.compile(r"^protocol (\S+) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_SERVICE = re.compile(r"^service (\S+) \{$", re.MULTILINE)


def render_dovecot_site(
    options: Mapping[str, str], text: str, included: Sequence[str] = ()
) -> tuple[bytes, bytes]:
    """Return 05-site.conf and 99-site.conf, empty where nothing is in them.

    included: files with the site's secrets, which root alone reads; who else asks doveconf(1)
    is told the rest. text: of mailprov's own files, which Dovecot reads between these two.

    A global setting does not reach into a block that was opened before it (doveconf(1) warns),
    so what stands in one of a protocol's is set before all of them, and again in each that does
    not build on the global value (`$mail_plugins sieve`). What belongs to a service that has a
    block stands in such a one; to others a global setting does reach, and there it is the better
    way: a block of a service that does not exist makes one.
    """
    protocols = dict(_PROTOCOL.findall(text))
    services = frozenset(_SERVICE.findall(text))
    first: list[str] = []
    last: list[str] = []
    blocks: dict[str, list[str]] = {}
    for name, value in options.items():
        service, _, setting = name.removeprefix("service/").rpartition("/")
        if service in services:
            blocks.setdefault(f"service {service}", []).append(f"  {setting} = {value}\n")
        elif inner := {
            key: found[1] for key, body in protocols.items() if (found := _set(name, body))
        }:
            first.append(f"{name} = {value}\n")
            for protocol in (key for key, own in inner.items() if f"${name}" not in own):
                blocks.setdefault(f"protocol {protocol}", []).append(f"  {name} = {value}\n")
        else:
            last.append(f"{name} = {value}\n")
    for head, settings in blocks.items():
        last += [f"{head} {{\n", *settings, "}\n"]
    last += [f"!include_try {path}\n" for path in included]
    return _dovecot_part("first", first), _dovecot_part("last", last)


def _set(name: str, body: str) -> re.Match[str] | None:
    return re.search(rf"^ +{re.escape(name)} = *(.*)$", body, re.MULTILINE)


def _dovecot_part(when: str, lines: list[str]) -> bytes:
    note = f"# Settings from `dovecot:` in site.yaml. This file is read {when}.\n\n"
    return "".join((MANAGED, note, *lines)).encode() if lines else b""
