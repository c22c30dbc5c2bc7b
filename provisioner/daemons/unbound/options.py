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
from provisioner.render.quoting import Quoted
from provisioner.render.settings import NOTHING, Recorder, Word, spelled

Sections = Mapping[str, Mapping[str, tuple[str, ...]]]

# Options of unbound.conf(5) whose value is several words; all others take one string.
_SEVERAL_WORDS = re.compile(
    r"access-control(-.*)?|interface-(action|tag|view)(-.*)?|local-zone(-.*)?|response-ip(-.*)?"
    r"|ratelimit-(for|below)-domain|wait-limit-.*|dnscrypt-.*|edns-client-string|proxy-.*"
    r"|.*-netblock|outgoing-port-(permit|avoid)"
)


class UnboundConf(Recorder):
    """The words of unbound.conf: `section` opens a clause, `option` stands in it.

    own: the site's own options, which are in a file of theirs (`render_unbound_site`): in place of
    mailprov's of the same name a comment points there. local-zone, local-data and local-data-ptr
    are rows of data and no settings: the site's come beside mailprov's, and a template writes them
    as they are. The record has `server/deny-any`, for what mailprov sets.
    """

    def __init__(self, own: Sections) -> None:
        super().__init__()
        self._own = own
        self._section = ""
        self._pointed: set[str] = set()

    def words(self) -> Mapping[str, Word]:
        """Return what a template can call."""
        return {"section": self._open, "option": self._option}

    def _open(self, name: str) -> Quoted:
        self._section = name
        return Quoted(f"{name}:")

    def _option(self, name: str, value: object) -> Quoted:
        text = spelled(value)
        if name not in self._own.get(self._section, {}):
            self.record(f"{self._section}/{name}", text)
            return Quoted(f"{name}: {text}")
        if name in self._pointed:
            return NOTHING
        self._pointed.add(name)
        return Quoted(f"# {name}: set by site.yaml, see mailprov-site.conf")


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
