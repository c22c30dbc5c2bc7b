"""The escape hatch into Dovecot's settings, from the site file.

They replace what mailprov itself would have set under the same name, or come last, because
Dovecot reads its files in order. Nothing is quoted here: the person who uses the hatch writes
the daemon's own language. The model has refused control characters, and doveconf(1) runs before
anything goes live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provisioner.render.environment import MANAGED
from provisioner.render.quoting import Quoted
from provisioner.render.settings import Caller, Recorder, Word, spelled

_UNNAMED = Quoted("")


class DovecotConf(Recorder):
    """The words of dovecot.conf and its parts: `setting`, and `block` around what is in a block.

    services: those that have a block. protocols: what is set in the block of each. The record has
    `service auth/client_limit`, and every value where several blocks have the same name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.services: set[str] = set()
        self.protocols: dict[str, dict[str, str]] = {}
        self._blocks: list[tuple[str, str]] = []

    def words(self) -> Mapping[str, Word]:
        """Return what a template can call."""
        return {"setting": self._setting, "block": self._block}

    def _block(self, kind: str, name: object = _UNNAMED, *, caller: Caller) -> Quoted:
        named = spelled(name)
        if kind == "service" and not self._blocks:
            self.services.add(named)
        margin = self._margin()
        self._blocks.append((kind, named))
        body = caller()
        self._blocks.pop()
        return Quoted(f"{margin}{_head(kind, named)} {{\n{body}{margin}}}\n")

    def _setting(self, name: str, value: object = "", caller: Caller | None = None) -> Quoted:
        text = spelled(value) if caller is None else caller().strip()
        self.record("/".join((*(_head(*block) for block in self._blocks), name)), text)
        if self._blocks and self._blocks[0][0] == "protocol":
            self.protocols.setdefault(self._blocks[0][1], {}).setdefault(name, text)
        line = f"{name} = {text}".rstrip()
        # The blanks before the tag of a `call` and the line end behind it are not printed.
        return Quoted(f"{self._margin()}{line}\n" if caller else line)

    def _margin(self) -> str:
        return "  " * len(self._blocks)


def render_dovecot_site(
    options: Mapping[str, str], ours: DovecotConf, included: Sequence[str] = ()
) -> tuple[bytes, bytes]:
    """Return 05-site.conf and 99-site.conf, empty where nothing is in them.

    included: files with the site's secrets, which root alone reads; who else asks doveconf(1)
    is told the rest. ours: what mailprov's own files set, which Dovecot reads between these two.

    A global setting does not reach into a block that was opened before it (doveconf(1) warns),
    so what stands in one of a protocol's is set before all of them, and again in each that does
    not build on the global value (`$mail_plugins sieve`). What belongs to a service that has a
    block stands in such a one; to others a global setting does reach, and there it is the better
    way: a block of a service that does not exist makes one.
    """
    first: list[str] = []
    last: list[str] = []
    blocks: dict[str, list[str]] = {}
    for name, value in options.items():
        service, _, setting = name.removeprefix("service/").rpartition("/")
        if service in ours.services:
            blocks.setdefault(f"service {service}", []).append(f"  {setting} = {value}\n")
        elif inner := {
            protocol: own[name] for protocol, own in ours.protocols.items() if name in own
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


def _head(kind: str, name: str) -> str:
    return f"{kind} {name}".rstrip()


def _dovecot_part(when: str, lines: list[str]) -> bytes:
    note = f"# Settings from `dovecot:` in site.yaml. This file is read {when}.\n\n"
    return "".join((MANAGED, note, *lines)).encode() if lines else b""
