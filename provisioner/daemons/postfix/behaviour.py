"""What Postfix needs of a host."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.daemons.postfix.features import postfix_features
from provisioner.daemons.postfix.found import found_lines
from provisioner.daemons.postfix.habits import habits
from provisioner.daemons.postfix.maps import tables_of
from provisioner.daemons.postfix.quoting import texthash_key, texthash_value
from provisioner.daemons.postfix.view import RESTART_PARAMETERS, render_postfix, takes_mail
from provisioner.model.prober import probe_address
from provisioner.model.rules.secrets import is_login_table
from provisioner.model.services import services_of
from provisioner.model.site import Host, Role, Site
from provisioner.model.topology import LinkService, Unix, Want
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact
from provisioner.render.shards import TableRow
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener
from provisioner.rooms.addresses import has_ipv6, listed_addresses
from provisioner.rooms.found_server import FoundServer
from provisioner.rooms.room import Behaviour, Carrier


class PostfixBehaviour(Behaviour):
    """Postfix's files, the ports of SMTP, and whom it reaches on its host."""

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield Postfix's files."""
        yield from render_postfix(carrier)

    def table_rows(self, carrier: Carrier) -> Iterator[TableRow]:
        """Yield who receives mail, what is rewritten, and who may send under which address."""
        for table, rows in tables_of(carrier.site):
            for row in rows:
                yield TableRow(table, texthash_key(row.key), texthash_value(row.value))

    def packages(self, carrier: Carrier) -> Iterator[str]:
        """Yield what a login at another server takes, by `relay` or by the site's own words."""
        if _logs_in_elsewhere(carrier.site):
            yield from habits(carrier.platform).login_packages

    def recipes(self, carrier: Carrier) -> Iterator[Recipe]:
        """Yield the access(5) table that lets only `verify` write to its account."""
        if takes_mail(carrier.host):
            (path,) = self.made_paths(carrier.platform)
            address = probe_address(carrier.site)
            yield Recipe("probe-address", path, address, group="postfix", mode=0o640)

    def made_paths(self, platform: Platform) -> Iterator[str]:
        """Yield where the table of the prober's address lies."""
        yield f"{platform.daemons['postfix'].config_dir}/mailprov/probe"

    def listeners(self, carrier: Carrier) -> Iterator[Listener]:
        """Yield the ports of SMTP: on every address, or as the site says."""
        main = carrier.site.postfix.main
        versions = _versions(carrier.site, carrier.host)
        listed = listed_addresses(main.get("inet_interfaces", "all"))
        addresses = tuple(one for one in listed if one.version in versions)
        for service in services_of(carrier.site, carrier.host):
            if service.protocol == "smtp":
                yield Listener("postfix", "tcp", service.port, addresses)

    def wants(self, platform: Platform) -> Iterator[Want]:
        """Yield logins and delivery; the sockets lie in the queue directory: it is in a chroot."""
        private = f"{habits(platform).queue_directory}/private"
        yield Want(LinkService.LOGINS, "postfix", Unix(f"{private}/auth", "postfix"))
        yield Want(LinkService.DELIVERY, "postfix", Unix(f"{private}/dovecot-lmtp", "postfix"))

    def found_lines(self, found: FoundServer) -> Iterator[str]:
        """Yield what a Postfix that somebody set up would lose."""
        yield from found_lines(found)

    def notices(self, carrier: Carrier) -> Iterator[str]:
        """Tell where nothing in the host's Postfix stops SMTP smuggling."""
        record = carrier.record("postfix")
        if not postfix_features(record).forbid_bare_newline:
            yield (
                f"{carrier.host.key}: Postfix {record.version} cannot refuse SMTP "
                "smuggling: mail from another server may carry a second, forged "
                "message. smtpd_forbid_bare_newline came with 3.5.23, 3.6.13, 3.7.9 "
                "and 3.8.4: update Postfix within the release"
            )

    def foreign_resolver(self, carrier: Carrier) -> Iterator[str]:
        """Yield that DANE is off: it stands on answers which a resolver here has validated."""
        if Role.DNS in carrier.host.roles:
            yield (
                "Postfix does not check DANE (RFC 7672): DANE needs a validating "
                "resolver on this host"
            )

    def pending_file(self, platform: Platform) -> str:
        """Return main.cf, where `soft_bounce` keeps mail (postconf(5))."""
        return f"{platform.daemons['postfix'].config_dir}/main.cf"

    def needs_restart(self, artifact: Artifact, before: bytes | None) -> bool:
        """Tell whether the file changes where Postfix listens.

        master(8) reads the parameters of its listening sockets at start only (postconf(5),
        inet_interfaces).
        """
        if artifact.restart or not artifact.path.endswith("/postfix/main.cf"):
            return artifact.restart
        return before is None or _listening(before) != _listening(artifact.content)


def _logs_in_elsewhere(site: Site) -> bool:
    if site.relay is not None and site.relay.user is not None:
        return True
    written = (site.postfix.main, *site.postfix.master.values())
    return any(is_login_table(name) for options in written for name in options)


def _versions(site: Site, host: Host) -> frozenset[int]:
    """Return the versions of IP that Postfix uses (postconf(5), inet_protocols)."""
    words = re.split(r"[\s,]+", site.postfix.main.get("inet_protocols", "all"))
    if "inet_protocols" not in site.postfix.main and not has_ipv6(host):
        words = ["ipv4"]
    return frozenset(version for version in (4, 6) if "all" in words or f"ipv{version}" in words)


def _listening(main_cf: bytes) -> dict[str, str]:
    pairs = (line.partition("=") for line in main_cf.decode(errors="replace").splitlines())
    return {
        name.strip(): value.strip()
        for name, _, value in pairs
        if name.strip() in RESTART_PARAMETERS
    }


BEHAVIOUR = PostfixBehaviour()
