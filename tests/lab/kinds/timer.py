"""Timers of systemd: a kind that is nobody's but a test's. Their files are files like others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provisioner.resources.one_line import OneLineKind, Resource


@dataclass(frozen=True)
class Timer(Resource):
    """A timer that has to run, and to start at boot.

    calendar: when it elapses, as systemd writes it (systemd-analyze(1), `calendar`).
    """

    kind: ClassVar = "timer"
    calendar: str

    @property
    def line(self) -> str:
        """What systemd has in memory, which is not always what stands in the file."""
        return f"enabled active {self.calendar}"


class TimerKind(OneLineKind):
    """A timer is right where systemd says the wanted calendar of it."""

    resource = Timer


KIND = TimerKind()
