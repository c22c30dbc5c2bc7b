"""What ticker needs of a host: a service, and a timer with the unit that it starts."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.resources.timer import Timer  # the test lays it beside the other kinds

from provisioner.render.artifact import Artifact
from provisioner.resources.one_line import Resource
from provisioner.rooms.room import Behaviour, Carrier

_UNITS = "/etc/systemd/system"
_SERVICE = b"""[Unit]
Description=Ticker
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""
_TIDYING = b"""[Unit]
Description=What the timer of ticker starts
[Service]
Type=oneshot
ExecStart=/bin/true
"""


def _calendar(carrier: Carrier) -> str:
    # Any value of the site by which two configurations can be told apart.
    hours = int(carrier.site.queue_warning.total_seconds()) // 3600
    return f"*-*-* {hours:02}:00:00"


class TickerBehaviour(Behaviour):
    """Three files, and a timer."""

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield the units."""
        timer = (
            "[Unit]\nDescription=The timer of ticker\n"
            f"[Timer]\nOnCalendar={_calendar(carrier)}\n"
            "[Install]\nWantedBy=timers.target\n"
        )
        # Systemd alone reads the timer's; the service would have to be told of its own.
        yield Artifact(f"{_UNITS}/ticker.service", _SERVICE, daemons=("ticker",), restart=True)
        yield Artifact(f"{_UNITS}/ticker-tidy.service", _TIDYING)
        yield Artifact(f"{_UNITS}/ticker-tidy.timer", timer.encode())

    def resources(self, carrier: Carrier) -> Iterator[Resource]:
        """Yield the timer."""
        yield Timer("ticker-tidy.timer", _calendar(carrier))


BEHAVIOUR = TickerBehaviour()
