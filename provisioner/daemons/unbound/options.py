"""The escape hatch into unbound.conf: options in Unbound's own syntax, from the site file.

They replace what mailprov itself would have set under the same name. Nothing is quoted here: the
person who uses the hatch writes the daemon's own language. The model has refused control
characters, and unbound-checkconf(8) runs before anything goes live.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provisioner.model.secrets import HeldSecret
from provisioner.render.environment import MANAGED

Sections = Mapping[str, Mapping[str, tuple[str, ...]]]

# Options of unbound.conf(5) whose value is several words; all others take one string.
_SEVERAL_WORDS = re.compile(
    r"access-control(-.*)?|interface-(action|tag|view)(-.*)?|local-zone(-.*)?|response-ip(-.*)?"
    r"|ratelimit-(for|below)-domain|wait-limit-.*|dnscrypt-.*|edns-client-string|proxy-.*"
    r"|.*-netblock|outgoing-port-(permit|avoid)"
)


# These are rows of data, not one setting: the site's come beside mailprov's.
_ADDED = frozenset({"local-zone", "local-data", "local-data-ptr"})


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
        MANAGED,
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
