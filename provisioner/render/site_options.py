"""The escape hatch: options in a daemon's own syntax, from the site file.

They replace what mailprov itself would have set under the same name, and where the
daemon reads its files in order they simply come last. Nothing is quoted here: the
person who uses the hatch writes the daemon's own language (`$` expands in Postfix).
The model has refused control characters, and the daemon's checks run before anything
goes live.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provisioner.model.secrets import HeldSecret

Sections = Mapping[str, Mapping[str, tuple[str, ...]]]

_HEAD = "# Managed by mailprov. Edits here show as drift; change site.yaml instead.\n"

# Options of unbound.conf(5) whose value is several words; all others take one string.
_SEVERAL_WORDS = re.compile(
    r"access-control(-.*)?|interface-(action|tag|view)(-.*)?|local-zone(-.*)?|response-ip(-.*)?"
    r"|ratelimit-(for|below)-domain|wait-limit-.*|dnscrypt-.*|edns-client-string|proxy-.*"
    r"|.*-netblock|outgoing-port-(permit|avoid)"
)


# These are rows of data, not one setting: the site's come beside mailprov's.
_ADDED = frozenset({"local-zone", "local-data", "local-data-ptr"})


# Blocks in mailprov's own files of Dovecot.
_PROTOCOL = re.compile(r"^protocol (\S+) \{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_SERVICE = re.compile(r"^service (\S+) \{$", re.MULTILINE)


def without_replaced(text: bytes, sections: Sections) -> bytes:
    """Return a rendered part of unbound.conf without the options that the site sets itself."""
    kept: list[str] = []
    section = ""
    for line in text.decode().splitlines(keepends=True):
        if opened := re.fullmatch(r"([a-z-]+):\n", line):
            section = opened[1]
        option = re.match(r" +([a-z0-9-]+):", line)
        replaced = sections.get(section, {}).keys() - _ADDED
        if option and option[1] in replaced:
            note = f"    # {option[1]}: set by site.yaml, see mailprov-site.conf\n"
            if note not in kept:
                kept.append(note)
        else:
            kept.append(line)
    return "".join(kept).encode()


def render_unbound_site(sections: Sections, included: Sequence[str] = ()) -> bytes:
    """Return mailprov-site.conf: the site's own options by section.

    included: files with its secrets.
    """
    lines = [
        _HEAD,
        "# Options from `unbound:` in site.yaml. They replace mailprov's own of the same\n",
    ]
    lines.append(
        "# name, all of them where there are several; an empty value only removes mailprov's.\n"
    )
    lines.append("# Rows of local-zone, local-data and local-data-ptr are added.\n")
    for section, options in sections.items():
        lines.append(f"\n{section}:\n")
        for option, values in options.items():
            lines += [
                f"    {option}: {_unbound_text(option, value)}\n"
                for value in values
                if value and not isinstance(value, HeldSecret)
            ]
    lines += [f'\ninclude: "{path}"\n' for path in included]
    return "".join(lines).encode()


def _unbound_text(option: str, value: str) -> str:
    if '"' in value or "'" in value or _SEVERAL_WORDS.fullmatch(option):
        return value
    return f'"{value}"'


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
    return "".join((_HEAD, note, *lines)).encode() if lines else b""
