"""What Dovecot needs of a host."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.daemons.dovecot.files import render_dovecot
from provisioner.daemons.dovecot.found import found_lines
from provisioner.daemons.dovecot.quoting import passwd_field
from provisioner.daemons.dovecot.users import mailbox_rows, password_rows
from provisioner.model.prober import probe_login
from provisioner.model.services import LMTP_PORT, services_of
from provisioner.model.site import Role
from provisioner.model.topology import deliverers
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact
from provisioner.render.shards import TableRow
from provisioner.resources.recipe import Recipe
from provisioner.resources.unit import Listener
from provisioner.rooms.addresses import has_ipv6, listed_addresses
from provisioner.rooms.found_server import FoundServer
from provisioner.rooms.room import Behaviour, Carrier


class DovecotBehaviour(Behaviour):
    """Dovecot's files, the prober's password, and the ports that users read their mail at."""

    def render(self, carrier: Carrier) -> Iterator[Artifact]:
        """Yield Dovecot's files."""
        yield from render_dovecot(carrier)

    def table_rows(self, carrier: Carrier) -> Iterator[TableRow]:
        """Yield who may log in, and where everybody's mail lies."""
        for user in password_rows(carrier.site, carrier.secrets):
            yield TableRow("users", passwd_field(user.name), passwd_field(user.hash))
        for box in mailbox_rows(carrier.site, carrier.host):
            yield TableRow("mailboxes", passwd_field(box.name), passwd_field(box.home))

    def recipes(self, carrier: Carrier) -> Iterator[Recipe]:
        """Yield the password of the account that `verify` uses: the host makes it."""
        (path,) = self.made_paths(carrier.platform)
        yield Recipe("probe", path, probe_login(carrier.site), group="dovecot", mode=0o640)

    def made_paths(self, platform: Platform) -> Iterator[str]:
        """Yield where the prober's password lies."""
        yield f"{platform.daemons['dovecot'].config_dir}/mailprov/probe"

    def listeners(self, carrier: Carrier) -> Iterator[Listener]:
        """Yield the ports of IMAP, POP3 and ManageSieve: on every address, or as the site says."""
        dialect = carrier.record("dovecot").dialect
        listen = "*, ::" if has_ipv6(carrier.host) else "*"
        listen = carrier.site.dovecot.get(dialect, {}).get("listen", listen)
        addresses = listed_addresses(listen)
        for service in services_of(carrier.site, carrier.host):
            if service.role is Role.STORE:
                yield Listener("dovecot", "tcp", service.port, addresses)
        if deliverers(carrier.site, carrier.host):
            yield Listener("dovecot", "tcp", LMTP_PORT, addresses)

    def found_lines(self, found: FoundServer) -> Iterator[str]:
        """Yield what a Dovecot that somebody set up would lose."""
        yield from found_lines(found)

    def notices(self, carrier: Carrier) -> Iterator[str]:
        """Tell of settings in Dovecot's own words that this host's Dovecot does not speak."""
        spoken = carrier.record("dovecot").dialect
        written = carrier.site.dovecot
        unread = [name for name, options in written.items() if options and name != spoken]
        # Who wrote for both has seen to both.
        if unread and spoken not in written:
            yield (
                f"{carrier.host.key}: the settings under `dovecot` are for Dovecot "
                f"{' and '.join(unread)}, but this host has {spoken}; none of them is in force "
                f'there: write the settings under `"{spoken}": {{}}`'
            )


BEHAVIOUR = DovecotBehaviour()
