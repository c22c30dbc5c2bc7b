"""What echod needs of a host: a program, a unit, a file that says its word, and a port."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

from provisioner.platforms.record import Platform
from provisioner.probes.line import LineQuestion
from provisioner.probes.question import Endpoint, Question
from provisioner.render.artifact import Artifact
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener
from provisioner.rooms.room import Behaviour, Carrier

PORT = 7007
_PROGRAM = rb"""#!/usr/bin/perl
use strict; use warnings; use IO::Socket::INET;
open(my $file, '<', '/etc/echod/echod.conf') or die "error: no configuration\n";
my ($word) = map { /^word = ([a-z]+)$/ ? $1 : () } <$file>;
die "error: /etc/echod/echod.conf names no word\n" unless $word;
exit 0 if @ARGV;
my $server = IO::Socket::INET->new(LocalPort => 7007, Listen => 5, ReuseAddr => 1) or die $!;
while (my $client = $server->accept) { <$client>; print $client "$word\r\n"; close $client }
"""
_UNIT = b"""[Unit]
Description=Echo
[Service]
ExecStart=/usr/bin/perl /etc/echod/echod
SyslogIdentifier=echod
[Install]
WantedBy=multi-user.target
"""


class EchodBehaviour(Behaviour):
    """Three files, a port and a question."""

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield the program, the unit, and last what it reads."""
        word = carrier.host.key.replace("-", "")
        files = {
            "/etc/echod/echod": _PROGRAM,
            "/etc/systemd/system/echod.service": _UNIT,
            "/etc/echod/echod.conf": f"word = {word}\n".encode(),
        }
        for rank, (path, content) in enumerate(files.items(), start=20):
            yield Artifact(path, content, daemons=("echod",), restart=True, rank=rank)

    def recipes(self, carrier: Carrier) -> Iterator[Recipe]:
        """Yield a key that the host makes."""
        (path,) = self.made_paths(carrier.platform)
        yield Recipe("echod-key", path, carrier.host.key)

    def made_paths(self, platform: Platform) -> Iterator[str]:
        """Yield where the key lies."""
        del platform
        yield "/etc/echod/key"

    def listeners(self, carrier: Carrier) -> Iterator[Listener]:
        """Yield its port."""
        del carrier
        yield Listener("echod", "tcp", PORT, (IPv4Address(0),))

    def questions(self, carrier: Carrier) -> Iterator[Question[Any]]:
        """Ask for the word."""
        host = carrier.host
        yield LineQuestion(
            id=f"echod.word@{host.key}",
            text="Does echod answer with its word?",
            endpoint=Endpoint(host.key, host.addresses[0], PORT),
            say="anything",
            pattern=host.key.replace("-", ""),
            expected="the host's key",
            help="look for echod in the journal",
        )


BEHAVIOUR = EchodBehaviour()
