"""`mailprov user`: people in the site file, edited in place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic_core import PydanticCustomError

from provisioner.cli.options import accept_option, debug_option, json_option, site_argument
from provisioner.cli.terminal import write_json, write_line, write_lines
from provisioner.cli.user_editing import OpenSite, open_site, said
from provisioner.cli.user_password import (
    PasswordWish,
    check_scheme,
    check_shown,
    hand_over,
    obtain_password,
)
from provisioner.cli.user_view import kept_in_words, user_rows, user_table
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, quoted
from provisioner.directory.inline import directory_of
from provisioner.model.file.credentials import parse_reference
from provisioner.model.mailboxes import mailbox_home
from provisioner.model.names import MailAddress
from provisioner.model.scalars import UNSAFE
from provisioner.model.secrets import SecretReference
from provisioner.site.new_password import DEFAULT_SCHEME, NEW_SCHEMES
from provisioner.site.user_edits import AddUser, RemoveUser, Secret, SetEnabled, SetPassword

Command = Callable[..., Any]

_name_argument = click.argument("name", metavar="NAME")
_scheme_option = click.option(
    "--scheme",
    type=click.Choice(NEW_SCHEMES),
    default=DEFAULT_SCHEME,
    show_default=True,
    help="Hash scheme of the password.",
)
_generate_option = click.option(
    "--generate", is_flag=True, help="Generate a strong password and print it once."
)
_weak_option = click.option("--allow-weak", is_flag=True, help="Accept a weak password.")


def _about_one_user(command: Command) -> Command:
    for option in (debug_option, site_argument, _name_argument):
        command = option(command)
    return command


def _with_password(command: Command) -> Command:
    for option in (_weak_option, _generate_option, _scheme_option):
        command = option(command)
    return command


@click.group("user")
def command() -> None:
    """Add, change and remove users in the site file; the rest of the file stays as it is.

    NAME is a name of the primary domain, or an address. Passwords are typed twice or piped; they
    are never arguments. The hosts get the change with the next apply, which restarts nothing.
    """


@command.command("add")
@_about_one_user
@_with_password
@click.option("--name", "person", metavar="TEXT", default="", help="The person's name.")
@click.option(
    "--reference",
    metavar="KIND:WHERE",
    help="Write a reference like env:ALICE_PASSWORD or file:PATH, and ask for no password.",
)
def add(  # noqa: PLR0913 its options
    name: str,
    site_file: Path,
    *,
    scheme: str,
    generate: bool,
    allow_weak: bool,
    person: str,
    reference: str | None,
) -> int:
    """Add a user after the last one."""
    if reference is not None and generate:
        raise click.UsageError("--generate and --reference exclude each other")
    check_shown(generate=generate)
    opened = open_site(site_file)
    address = opened.address(name)
    _check_new(opened, address, person)
    key = address.local if address.domain == opened.site.domain else address
    made = ""
    if reference is not None:
        secret: Secret = _reference(reference)
    else:
        check_scheme(opened.site, scheme)
        # Whatever else is wrong is told before a person has typed anything.
        opened.edited(AddUser(key, {"env": "CHECKED_FIRST"}, person))
        wish = PasswordWish(address, person, scheme, generate, allow_weak)
        secret, made = obtain_password(wish)
    edited = opened.edited(AddUser(key, secret, person))
    opened.write(edited)
    hand_over(made, address)
    write_lines(said(site_file, f"added {address}", edited), err=bool(made))
    return ExitCode.OK


def _check_new(opened: OpenSite, address: MailAddress, person: str) -> None:
    """Raise MailprovError (usage) for a user who is there already or has no possible name."""
    if address in opened.keys:
        raise MailprovError(
            Diagnostic(
                summary=f"{address} is already a user",
                where=str(opened.path),
                got=f"users.{opened.keys[address]}",
                want="a new name",
                fix="use `mailprov user passwd` for another password",
            ),
            ExitCode.USAGE,
        )
    if UNSAFE.search(person):
        raise MailprovError(
            Diagnostic(
                summary="a control or bidirectional character in a name",
                got=quoted(person),
                want="printable characters",
                fix="remove the character",
            ),
            ExitCode.USAGE,
        )


@command.command("passwd")
@_about_one_user
@_with_password
@click.option(
    "--replace-reference",
    is_flag=True,
    help="Replace a reference to a password by a hash.",
)
def passwd(  # noqa: PLR0913 its options
    name: str,
    site_file: Path,
    *,
    scheme: str,
    generate: bool,
    allow_weak: bool,
    replace_reference: bool,
) -> int:
    """Change a user's password."""
    check_shown(generate=generate)
    opened = open_site(site_file)
    user = opened.user(name)
    if isinstance(user.password, SecretReference) and not replace_reference:
        raise MailprovError(
            Diagnostic(
                summary=f"the site file does not contain the password of {user.address}",
                where=str(site_file),
                got=kept_in_words(user),
                want="a hash in the file",
                fix="change it there, then apply; or use --replace-reference to keep a hash here",
            ),
            ExitCode.REFUSED,
        )
    check_scheme(opened.site, scheme)
    wish = PasswordWish(user.address, user.name, scheme, generate, allow_weak)
    secret, made = obtain_password(wish)
    edited = opened.edited(SetPassword(opened.keys[user.address], secret))
    opened.write(edited)
    hand_over(made, user.address)
    told = said(site_file, f"changed the password of {user.address}", edited)
    write_lines(told, err=bool(made))
    return ExitCode.OK


@command.command("disable")
@_about_one_user
def disable(name: str, site_file: Path) -> int:
    """Disable the login of a user; mail still arrives and is kept."""
    return _switch(name, site_file, enabled=False)


@command.command("enable")
@_about_one_user
def enable(name: str, site_file: Path) -> int:
    """Enable the login of a disabled user again, with the old password."""
    return _switch(name, site_file, enabled=True)


def _switch(name: str, site_file: Path, *, enabled: bool) -> int:
    word = "enabled" if enabled else "disabled"
    opened = open_site(site_file)
    user = opened.user(name)
    if user.enabled is enabled:
        write_line(f"{site_file}: {user.address} is already {word}; nothing was changed")
        return ExitCode.OK
    edited = opened.edited(SetEnabled(opened.keys[user.address], enabled))
    opened.write(edited)
    what = f"{word} {user.address}" + ("" if enabled else ", whose mail still arrives")
    write_lines(said(site_file, what, edited))
    return ExitCode.OK


@command.command("remove")
@_about_one_user
@click.option(
    "--delete-mail",
    is_flag=True,
    help="Also apply, and delete the user's mail on the host for good.",
)
@accept_option
def remove(name: str, site_file: Path, *, delete_mail: bool, accept_new: bool) -> int:
    """Remove a user from the site file; without --delete-mail the mail is kept."""
    opened = open_site(site_file)
    address = opened.address(name)
    if [*opened.keys] == [address]:
        raise _only_user(site_file, address)
    if delete_mail:
        from provisioner.cli.user_removal import remove_with_mail  # noqa: PLC0415 needs SSH

        return remove_with_mail(opened, address, accept_new=accept_new)
    user = opened.user(name)
    edited = opened.edited(RemoveUser(opened.keys[user.address]))
    opened.write(edited)
    store = directory_of(opened.site).store_of(user.address)
    kept = f"{mailbox_home(opened.site, user.address)} on {store}"
    told = said(site_file, f"removed {user.address}; the mail is kept in {kept}", edited)
    write_lines(told)
    write_line("note: a later user of that name gets this mail; --delete-mail deletes it")
    return ExitCode.OK


@command.command("list")
@site_argument
@json_option
@debug_option
def list_users(site_file: Path, *, as_json: bool) -> int:
    """List the users of the site file, without secrets."""
    site = open_site(site_file).site
    rows = user_rows(site)
    if as_json:
        write_json({"users": rows})
        return ExitCode.OK
    write_lines(user_table(rows))
    return ExitCode.OK


def _only_user(path: Path, address: MailAddress) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary=f"{address} is the only user: mail to postmaster would lead nowhere",
            where=str(path),
            want="one user at least",
            fix="add another user first",
        ),
        ExitCode.INVALID_SITE,
    )


def _reference(text: str) -> dict[str, str]:
    kind, _, where = text.partition(":")
    try:
        found = parse_reference({kind: where} if kind in {"env", "file"} else {})
    except PydanticCustomError as error:
        told = Diagnostic(
            summary="not a reference to a password",
            got=quoted(text) if kind in {"env", "file"} else "a text of another form",
            want="env:VARIABLE or file:PATH",
            fix="to use a command, write it into the site file with an editor",
        )
        raise MailprovError(told, ExitCode.USAGE) from error
    return {found.source: str(found.value)}
