"""Echod that says another word once the world knows of it: an action, a gate and two stages.

It takes the place of echod's own `behaviour.py`, which is `plain.py` then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address, ip_address
from typing import Any

from provisioner.daemons.echod.plain import PORT, EchodBehaviour

from provisioner.probes.dns import RecordQuestion
from provisioner.probes.line import LineQuestion
from provisioner.probes.question import Endpoint, Question
from provisioner.render.artifact import Artifact
from provisioner.rooms.phase import Gate, SiteAction, SitePhase
from provisioner.rooms.room import Carrier

NAME = "echod.example"


class GatedBehaviour(EchodBehaviour):
    """Echod's, with phases."""

    def phases(self, carrier: Carrier) -> Iterator[SitePhase]:
        """Yield the publication of a record, and the gate that waits until the world has it."""
        record = f'"{carrier.host.fqdn}"'
        yield SiteAction(
            id="echod.publish",
            text="Publish where echod is",
            about=(NAME, record),
            program='printf "%s\\n" "$1" >>/root/published',
            arguments=(record,),
        )
        yield self._gate(carrier, record)

    def _gate(self, carrier: Carrier, record: str) -> Gate:
        # The lab's public name server has the same number in every lab.
        own = carrier.host.addresses[0]
        server = ip_address(f"{str(own).rpartition('.')[0]}.253")
        return Gate(
            id="echod.seen",
            text="Does every public name server say where echod is?",
            about=(NAME, record, str(server)),
            again=timedelta(minutes=5),
            questions=(
                RecordQuestion(
                    id="echod.seen@public",
                    text="Does the public name server say where echod is?",
                    endpoint=Endpoint("public", server, 53),
                    name=NAME,
                    type="TXT",
                    transport="tcp",
                    records=frozenset({record}),
                ),
            ),
        )

    def _word(self, carrier: Carrier) -> str:
        seen = all(phase.key in carrier.nature.passed for phase in self.phases(carrier))
        return "public" if seen else "private"

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield echod's files, with the word of the stage."""
        for artifact in super().render(carrier):
            if artifact.path.endswith(".conf"):
                word = f"word = {self._word(carrier)}\n".encode()
                yield replace(artifact, content=word)
            else:
                yield artifact

    def questions(self, carrier: Carrier) -> Iterator[Question[Any]]:
        """Ask for the word of the stage."""
        word = self._word(carrier)
        for question in super().questions(carrier):
            assert isinstance(question, LineQuestion)
            assert isinstance(question.endpoint.address, IPv4Address)
            assert question.endpoint.port == PORT
            yield replace(question, pattern=word, expected=word)


BEHAVIOUR = GatedBehaviour()
