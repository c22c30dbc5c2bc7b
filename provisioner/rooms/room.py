"""What a room is: all that the rest of the project may ask about one daemon.

A room is a folder in provisioner/daemons. Its `spec.py` has `ROOM`, which is data and quick to
load. What needs templates is in `behaviour.py`, what the site file may say in the daemon's own
words in `rules.py`, and how the daemon writes to the mail log in `log.py`. These are loaded when
somebody asks. `families.toml` has what is true of the daemon in each family of systems,
`failures.toml` its known failures, and `*.sh` what of it runs on hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from provisioner.model.reading import HatchRules
from provisioner.model.secrets import SiteSecrets
from provisioner.model.site import Host, Role, Site
from provisioner.model.topology import Link, LinkService, Unix, Want, carried
from provisioner.platforms.record import Daemon, DaemonRecord, Platform
from provisioner.probes.unix_sockets import UnixSocket
from provisioner.rooms.found_server import FoundServer
from provisioner.rooms.message_log import LogRules

if TYPE_CHECKING:  # a site file is validated without templates
    from provisioner.probes.question import Question
    from provisioner.render.artifact import Artifact
    from provisioner.render.nature import Nature
    from provisioner.render.shards import TableRow
    from provisioner.resources.one_line import Resource
    from provisioner.resources.recipe import Recipe
    from provisioner.resources.unit import Listener
    from provisioner.rooms.phase import SitePhase

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Carrier:
    """A host as the daemons on it see it.

    secrets: the settled passwords, the operator's own certificate, and what daemons use.
    links: by which the host's daemons reach others.
    """

    site: Site
    host: Host
    nature: Nature
    secrets: SiteSecrets
    links: tuple[Link, ...] = ()

    @property
    def platform(self) -> Platform:
        """The release that the host runs."""
        return self.nature.platform

    def record(self, daemon: Daemon) -> DaemonRecord:
        """Return how the host's release packages a daemon."""
        return self.platform.daemons[daemon]

    def unix(self, service: LinkService) -> Unix | None:
        """Return the socket by which a daemon here reaches another here, None where none does."""
        ways = (one.way for one in self.links if one.service is service)
        return next((way for way in ways if isinstance(way, Unix)), None)


class Behaviour:
    """What a daemon needs of a host; a room overrides what is not nothing."""

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield the daemon's files. MailprovError (invalid site) for an inexpressible value."""
        del carrier
        yield from ()

    def table_rows(self, carrier: Carrier) -> Iterator[TableRow]:
        """Yield the rows of the daemon's tables, where the site's directory is one table.

        What text files cannot express is refused here too: a site may shrink.
        """
        del carrier
        yield from ()

    def packages(self, carrier: Carrier) -> Iterator[str]:
        """Yield packages that this site needs beside those that the daemon always has."""
        del carrier
        yield from ()

    def recipes(self, carrier: Carrier) -> Iterator[Recipe]:
        """Yield what the host makes itself for the daemon."""
        del carrier
        yield from ()

    def resources(self, carrier: Carrier) -> Iterator[Resource]:
        """Yield what else the daemon needs, of kinds that a host tells of in a line."""
        del carrier
        yield from ()

    def made_paths(self, platform: Platform) -> Iterator[str]:
        """Yield where secrets lie that a host makes for the daemon, and that go with mailprov."""
        del platform
        yield from ()

    def listeners(self, carrier: Carrier) -> Iterator[Listener]:
        """Yield the ports that the daemon opens."""
        del carrier
        yield from ()

    def wants(self, platform: Platform) -> Iterator[Want]:
        """Yield what the daemon wants of others, and where it looks for that on its host."""
        del platform
        yield from ()

    def questions(self, carrier: Carrier) -> Iterator[Question[Any]]:
        """Yield what the daemon alone is asked, beside what every service of its kind is."""
        del carrier
        yield from ()

    def sockets(self, platform: Platform) -> Iterator[UnixSocket]:
        """Yield the Unix sockets that the daemon opens for its own tools."""
        del platform
        yield from ()

    def phases(self, carrier: Carrier) -> Iterator[SitePhase]:
        """Yield the actions of the site and the gates that the daemon needs, in their order."""
        del carrier
        yield from ()

    def notices(self, carrier: Carrier) -> Iterator[str]:
        """Yield what an operator has to know of the daemon on this host."""
        del carrier
        yield from ()

    def foreign_resolver(self, carrier: Carrier) -> Iterator[str]:
        """Yield what the daemon goes without where the host keeps a resolver of its own."""
        del carrier
        yield from ()

    def found_lines(self, found: FoundServer) -> Iterator[str]:
        """Yield what a daemon that somebody set up before mailprov came would lose, line by line.

        Nothing where the package alone is installed, as its vendor leaves it.
        """
        del found
        yield from ()

    def pending_file(self, platform: Platform) -> str:
        """Return the file that says for a while that mail is kept and not bounced, or nothing."""
        del platform
        return ""

    def needs_restart(self, artifact: Artifact, before: bytes | None) -> bool:
        """Tell whether a running daemon takes the file over only by a restart.

        before: the content until now; None, not known.
        """
        del before
        return artifact.restart


@dataclass(frozen=True)
class Room:
    """A daemon in the words that the rest of the project knows.

    name: the folder's, and the command that reads the daemon's log. title: as people write it.
    roles: hosts with one of these carry it. offers: what it does for other daemons; the topology
    says which hosts need that, and these carry it too. starts_after: daemons that are up before
    it where a host has both. checks: the checkers that the remote program runs of it, by their
    names there.
    secret_rows: a secret of its own words is a lookup table of rows, and not one line.
    reads_certificate: it shows the host's certificate. reads_recipes: kinds of what a host makes
    itself that the daemon reads at start and reload. copies_resolver: it keeps a copy of
    resolv.conf, which it renews when it starts. ported_back: options of later versions whose
    presence a host is asked for, because vendors port them back and the version does not tell.
    process: what the process is called that listens (proc_pid_comm(5)), the name where it is
    not said. modules_at_start: it learns which settings there are when it starts. has_queue: mail
    waits in it. stores_mail: mailboxes are opened by it. is_resolver: the host asks it for names.
    folders: what people are told of a place that a log names.
    """

    name: Daemon
    title: str
    roles: frozenset[Role] = frozenset()
    offers: frozenset[LinkService] = frozenset()
    starts_after: frozenset[Daemon] = frozenset()
    checks: tuple[str, ...] = ()
    secret_rows: bool = False
    reads_certificate: bool = False
    reads_recipes: frozenset[str] = frozenset()
    copies_resolver: bool = False
    ported_back: tuple[str, ...] = ()
    process: str = ""
    modules_at_start: bool = False
    has_queue: bool = False
    stores_mail: bool = False
    is_resolver: bool = False
    folders: Mapping[str, str] = field(default_factory=dict)

    def is_on(self, host: Host) -> bool:
        """Tell whether a host carries the daemon."""
        return bool(self.roles & host.roles or self.offers & carried(host.roles))

    @cached_property
    def behaviour(self) -> Behaviour:
        """What the daemon needs of a host; loads the room's templates."""
        return self._part("behaviour", "BEHAVIOUR", Behaviour) or Behaviour()

    @cached_property
    def rules(self) -> HatchRules:
        """What the site file may say in the daemon's own words."""
        return self._part("rules", "HATCH", HatchRules) or HatchRules()

    @cached_property
    def log(self) -> LogRules | None:
        """How the daemon writes to the mail log, None where nothing is known of that."""
        return self._part("log", "LOG", LogRules)

    def _part(self, module: str, name: str, kind: type[T]) -> T | None:
        place = f"provisioner.daemons.{self.name}.{module}"
        try:
            loaded = import_module(place)
        except ModuleNotFoundError as error:
            if error.name == place:
                return None
            raise
        part = getattr(loaded, name)
        if not isinstance(part, kind):
            raise TypeError(f"{place}.{name} is no {kind.__name__}")
        return part
