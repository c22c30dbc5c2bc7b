"""What the hosts are doing now, on standard error; satisfies the workflow's `Progress`.

On a terminal each host has one line that changes in place. Elsewhere every news is a line
of its own. Where there are more hosts than a screen has lines, they are counted instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from threading import Lock

from provisioner.cli.terminal import CROWD, news_are_plain, picture_rows, redraw, write_line
from provisioner.model.names import HostRef
from provisioner.verbs.run import Naming, by_key

_REPORTS = 12
"""How often a crowd is counted on what is no terminal, while each host tells one thing."""


class LiveProgress:
    """News of each host, safe for several threads."""

    def __init__(
        self, hosts: Sequence[HostRef], name: Naming = by_key, *, quiet: bool = False
    ) -> None:
        self._texts = dict.fromkeys(map(name, hosts), "")
        self._width = max(map(len, self._texts), default=0)
        self._name = name
        self._plain = news_are_plain()
        self._quiet = quiet
        self._news = 0
        self._drawn = 0
        self._lock = Lock()

    def tell(self, host: HostRef, text: str) -> None:
        """Show what a host is doing now."""
        name = self._name(host)
        with self._lock:
            if self._quiet or self._texts.get(name) == text:
                return
            self._texts[name] = text
            self._news += 1
            if not self._plain:
                self._draw()
            elif len(self._texts) <= CROWD:
                write_line(f"{name:<{self._width}}  {text}", err=True)
            elif self._news % (len(self._texts) // _REPORTS) == 0:
                write_line(", ".join(self._counted()), err=True)

    def _draw(self) -> None:
        rows = picture_rows()
        if len(self._texts) < rows:
            lines = [f"{name:<{self._width}}  {text}" for name, text in self._texts.items()]
        else:
            lines = list(self._counted())[: rows - 1]
        redraw(lines, self._drawn)
        self._drawn = len(lines)

    def _counted(self) -> Iterator[str]:
        for text, count in Counter(self._texts.values()).items():
            yield f"{count} {text or 'waiting'}"
