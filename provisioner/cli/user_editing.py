"""What the verbs of `mailprov user` share: a site file opened, edited, written, told of."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.directory.inline import directory_of
from provisioner.model.names import MailAddress, Mailbox
from provisioner.model.site import Site, User
from provisioner.model.values import InvalidValueError
from provisioner.site.load import LoadedSite, parse_site, read_octets
from provisioner.site.site_edit import EditedSite, edit_site, user_keys
from provisioner.site.site_writing import replace_site_file
from provisioner.site.user_edits import UserChange


@dataclass(frozen=True)
class OpenSite:
    """A site file that was read and is valid. keys: of the users, as they are written."""

    path: Path
    octets: bytes
    loaded: LoadedSite
    keys: dict[MailAddress, str]

    @property
    def site(self) -> Site:
        """What the file says."""
        return self.loaded.site

    def address(self, name: str) -> MailAddress:
        """Return the address that a NAME on the command line means; MailprovError (usage)."""
        try:
            return Mailbox.parse(name).at(self.site.domain)
        except InvalidValueError as error:
            told = Diagnostic(
                summary=error.summary, got=quoted(name), want=error.want, fix=error.fix
            )
            raise MailprovError(told, ExitCode.USAGE) from error

    def user(self, name: str) -> User:
        """Return the user that a NAME means; MailprovError (usage) if there is none."""
        address = self.address(name)
        if user := directory_of(self.site).user(address):
            return user
        raise MailprovError(
            Diagnostic(
                summary=f"{address} is not a user of the site",
                where=str(self.path),
                got=quoted(name),
                want="a user under `users:`",
                fix="read `mailprov user list`",
            ),
            ExitCode.USAGE,
        )

    def edited(self, change: UserChange) -> EditedSite:
        """Return the file after a change, unwritten; MailprovError if it would be invalid."""
        return edit_site(self.octets, self.loaded, change)

    def write(self, edited: EditedSite) -> None:
        """Replace the file; MailprovError, with the old file in place, if that fails."""
        replace_site_file(self.path, self.octets, edited.octets)


def open_site(path: Path) -> OpenSite:
    """Return a site file ready to be edited; MailprovError (invalid site) where it is not."""
    octets = read_octets(path)
    loaded = parse_site(octets, str(path))
    return OpenSite(path, octets, loaded, user_keys(octets, loaded))


def said(path: Path, what: str, edited: EditedSite, *, applied: bool = False) -> Iterator[str]:
    """Yield what a person is told after an edit: what changed, and what to do next.

    applied: nothing is left to do.
    """
    site = "" if path == Path("site.yaml") else f" {shlex.quote(str(path))}"
    yield f"{path}: {what}" + ("" if applied else f"; next: mailprov apply{site}")
    before, after = _role_receiver(edited.before.site), _role_receiver(edited.after.site)
    if after and before and after[1:] != before[1:]:
        who = (
            "the first user who may log in"
            if after[2]
            else "who may not log in, so nobody reads it"
        )
        yield f"note: mail to {after[0]} now goes to {after[1]}, {who}"


def _role_receiver(site: Site) -> tuple[str, MailAddress, bool] | None:
    """Return the role addresses that nobody wrote, who gets their mail, and whether to read it."""
    directory = directory_of(site)
    implied = [alias for alias in directory.aliases if alias.implied]
    if not implied:
        return None
    names = ", ".join(sorted({alias.source.local for alias in implied}))
    receiver = implied[0].targets[0]
    reader = directory.user(receiver)
    return names, receiver, reader is not None and reader.enabled
