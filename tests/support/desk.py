"""A desktop machine that belongs to nobody's site: mail programs, and a resolver to ask.

It knows a mail address and its password. Where the servers are it learns from the DNS
(MX, and the SRV records of RFC 6186, 8314 and 5804), and it believes the one certificate
that it was handed.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.lab import LabHost

CERTIFICATE = "/root/site.crt"


@dataclass(frozen=True)
class Server:
    """A server that the DNS named; the name is also what its certificate has to say."""

    name: str
    port: int


@dataclass(frozen=True)
class Desk:
    """The machine. Programs run as root of the lab host, with its HOME."""

    host: LabHost

    def run(self, command: str, stdin: str = "") -> str:
        """Run a shell command and return its output; fails the test unless it exits with 0."""
        done = self.host.run(["sh", "-c", command], stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def look_up(self, name: str, kind: str) -> list[str]:
        """Return the data of a name's records, asked of whatever /etc/resolv.conf names."""
        return self.run(f"dig +short {name} {kind}").splitlines()

    def find(self, service: str, domain: str) -> Server | None:
        """Return the first choice for a service (`_imaps`); None where it is said to be off."""
        rows = [row.split() for row in self.look_up(f"{service}._tcp.{domain}", "SRV")]
        assert rows, f"{service} is not announced"
        _, _, port, target = min(rows, key=lambda row: int(row[0]))
        return None if target == "." else Server(target.rstrip("."), int(port))

    def configure(self, path: str, *lines: str) -> None:
        """Write a program's configuration, for its owner alone: there are passwords in it."""
        self.host.write_file(path, "\n".join(lines) + "\n", mode=0o600)
