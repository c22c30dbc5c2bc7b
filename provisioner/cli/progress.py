"""What the hosts are doing now, on standard error; satisfies the workflow's `Progress`.

On a terminal each host has one line that changes in place. Elsewhere every news is a line
of its own. Where there are more hosts than a screen has lines, they are counted instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from threading import Lock

from provisioner.cli.terminal import CROWD, news_are_plain, picture_rows, redraw, write_line
from provisioner.model.names import HostKey

_REPORTS = 12
"""How often a crowd is counted on what is no terminal, while each host tells one thing."""


class LiveProgress:
    """News of each host, safe for several threads."""

    def __init__(self, hosts: Sequence[HostKey], *, quiet: bool = False) -> None:
        self._texts = dict.fromkeys(hosts, "")
        self._width = max((len(host) for host in hosts), default=0)
        self._plain = news_are_plain()
        self._quiet = quiet
        self._news = 0
        self._drawn = 0
        self._lock = Lock()

    def tell(self, host: HostKey, text: str) -> None:
        """Show what a host is doing now."""
        with self._lock:
            if self._quiet or self._texts.get(host) == text:
                return
            self._texts[host] = text
            self._news += 1
            if not self._plain:
                self._draw()
            elif len(self._texts) <= CROWD:
                write_line(f"{host:<{self._width}}  {text}", err=True)
            elif self._news % (len(self._texts) // _REPORTS) == 0:
                write_line(", ".join(self._counted()), err=True)

    def _draw(self) -> None:
        rows = picture_rows()
        if len(self._texts) < rows:
            lines = [f"{host:<{self._width}}  {text}" for host, text in self._texts.items()]
        else:
            lines = list(self._counted())[: rows - 1]
        redraw(lines, self._drawn)
        self._drawn = len(lines)

    def _counted(self) -> Iterator[str]:
        for text, count in Counter(self._texts.values()).items():
            yield f"{count} {text or 'waiting'}"
