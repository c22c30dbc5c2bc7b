"""A site file in, the same file with one change of its users out.

The result is read again before it is anybody's: it has to be the tree of the old file
plus exactly the change, and a valid site. Else nothing comes out but a diagnostic.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.names import MailAddress, Mailbox
from provisioner.model.values import InvalidValueError
from provisioner.site.load import LoadedSite, parse_site
from provisioner.site.places import is_about
from provisioner.site.splicing import spliced
from provisioner.site.user_edits import AddUser, Tree, UserChange, changed_tree, user_splices
from provisioner.site.yaml_reader import read_yaml


@dataclass(frozen=True)
class EditedSite:
    """A valid site file before and after a change. octets: its new content."""

    before: LoadedSite
    after: LoadedSite
    octets: bytes


def user_keys(octets: bytes, loaded: LoadedSite) -> dict[MailAddress, str]:
    """Return the users of a valid file by address, each with the key it is written as."""
    users = _tree(octets)["users"]
    assert isinstance(users, dict)  # noqa: S101 the file was valid
    return {Mailbox(key).at(loaded.site.domain): key for key in users}


def edit_site(octets: bytes, before: LoadedSite, change: UserChange) -> EditedSite:
    """Return a file after a change; MailprovError (invalid site) where it would be invalid.

    It is wrong usage where nothing but a new user is wrong, who has no place in the file.
    octets: of the file. before: what `parse_site` made of them.
    """
    name, text = str(before.path), octets.decode("utf-8")
    try:
        new = spliced(text, user_splices(text, change)).encode("utf-8")
    except InvalidValueError as error:
        raise _not_editable(name, error.summary, error.got or "", error.fix) from error
    document = read_yaml(new.decode("utf-8"))
    want = changed_tree(_tree(octets), change)
    if document.problems or document.top is None or not _same(document.top, want):
        summary = "mailprov cannot edit this file in place"
        raise _not_editable(name, summary, "another tree than wanted", "edit the file by hand")
    try:
        after = parse_site(new, name)
    except MailprovError as error:
        if isinstance(change, AddUser) and all(
            is_about(("users", change.key), told) for told in error.diagnostics
        ):
            raise _no_such_user_possible(name, error.diagnostics) from error
        head = Diagnostic(
            summary="this change would make the site file invalid, so mailprov did not change it",
            where=name,
            fix="correct the errors below first; their places are those after the change",
        )
        raise MailprovError((head, *error.diagnostics), ExitCode.INVALID_SITE) from error
    return EditedSite(before, after, new)


def _tree(octets: bytes) -> Tree:
    top = read_yaml(octets.decode("utf-8")).top
    assert top is not None  # noqa: S101 the file was valid
    return top


def _same(one: Tree, other: Tree) -> bool:
    # As text, so that the order of keys counts.
    return json.dumps(one) == json.dumps(other)


def _no_such_user_possible(name: str, told: Iterable[Diagnostic]) -> MailprovError:
    head = Diagnostic(
        summary="the site cannot have such a user, so mailprov did not change the file",
        where=name,
        fix="correct the errors below, then run the command again",
    )
    return MailprovError((head, *(replace(one, where="") for one in told)), ExitCode.USAGE)


def _not_editable(name: str, summary: str, got: str, fix: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary=f"{summary}; nothing was changed",
            where=name,
            got=got,
            want="users in block or flow style, each on its own lines or all side by side",
            fix=fix,
        )
    )
