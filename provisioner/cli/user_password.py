"""A password from a person: typed twice without echo, piped, or made for them.

Never an argument and never a variable: both can be read by others, and stay in histories.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.cli.terminal import (
    ask_hidden,
    give_up_output,
    has_output,
    is_typed_at,
    read_piped,
    show_diagnostics,
    write_line,
)
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.hashes import is_crypt
from provisioner.model.names import MailAddress
from provisioner.model.secrets import PasswordHash
from provisioner.model.site import AccountKind, Site
from provisioner.model.values import InvalidValueError
from provisioner.site.new_password import (
    check_strong,
    check_usable,
    hash_password,
    make_password,
)

_TRIES = 3
_MOST_OCTETS = 64 * 1024


@dataclass(frozen=True)
class PasswordWish:
    """What is asked of a new password. address, name: whose it is."""

    address: MailAddress
    name: str
    scheme: str
    generate: bool
    allow_weak: bool

    def check(self, password: str) -> None:
        """Raise InvalidValueError for a password that cannot be taken."""
        check_usable(password, self.scheme)
        if not self.allow_weak:
            check_strong(password, self.address, self.name)


def check_scheme(site: Site, scheme: str) -> None:
    """Raise MailprovError (usage) for a scheme that the site's accounts cannot have."""
    if site.accounts.kind is AccountKind.SYSTEM and not is_crypt(scheme):
        raise MailprovError(
            Diagnostic(
                summary="a password scheme that a system account cannot have",
                got=f"--scheme {scheme}",
                want="BLF-CRYPT: the host's own crypt(5) must support it",
                fix="remove --scheme",
            ),
            ExitCode.USAGE,
        )


def obtain_password(wish: PasswordWish) -> tuple[PasswordHash, str]:
    """Return a new password's hash, and the password itself where we made it (else "").

    MailprovError for one that cannot be taken; click.Abort where a person gives up.
    """
    if wish.generate:
        made = make_password()
        return hash_password(made, wish.scheme), made
    password = _typed(wish) if is_typed_at() else _piped(wish)
    return hash_password(password, wish.scheme), ""


def check_shown(*, generate: bool) -> None:
    """Raise MailprovError where a password that is made here would be shown to nobody."""
    if generate and not has_output():
        raise MailprovError(
            Diagnostic(
                summary="standard output is closed, so mailprov could not show a generated "
                "password; nothing was changed",
                fix="run the command with standard output open, or pipe a password in",
            )
        )


def hand_over(made: str, address: MailAddress) -> None:
    """Print a password that was made here: the one thing on standard output.

    MailprovError where that fails; the user is in the site file then. address: the user's.
    """
    if not made:
        return
    try:
        write_line(made)
    except OSError as error:
        # What is left in the buffer would fail once more when the process ends.
        give_up_output()
        raise MailprovError(
            Diagnostic(
                summary="mailprov wrote the user, but could not print the password",
                got=error.strerror or type(error).__name__,
                want="an open standard output",
                fix=f"run `mailprov user passwd {address} --generate`",
            )
        ) from error
    write_line("mailprov does not show the password above again", err=True)


def _typed(wish: PasswordWish) -> str:
    told = Diagnostic(summary="no password was given")
    for _ in range(_TRIES):
        password = _ask(f"New password of {wish.address}: ")
        try:
            wish.check(password)
        except InvalidValueError as error:
            told = _as_diagnostic(error)
        else:
            if _ask("Repeat the password: ") == password:
                return password
            told = Diagnostic(
                summary="the two passwords differ", want="the same text twice", fix="type it again"
            )
        show_diagnostics([told])
    raise MailprovError(
        Diagnostic(
            summary=f"no password after {_TRIES} tries; nothing was changed",
            got=told.summary,
            want="a password, typed twice",
            fix="run the command again, or use --generate",
        )
    )


def _ask(prompt: str) -> str:
    try:
        return ask_hidden(
            prompt,
            undone="nothing was changed",
            fix="pipe the password into the command, or use --generate",
            exit_code=ExitCode.FAILED,
        )
    except UnicodeDecodeError:
        raise _not_utf8("bytes that are not UTF-8") from None  # the error shows one


def _piped(wish: PasswordWish) -> str:
    octets = read_piped(_MOST_OCTETS + 1)
    try:
        text = octets.decode("utf-8")
        line = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        _check_one_line(line)
        wish.check(line)
    except UnicodeDecodeError:
        raise _not_utf8(f"{len(octets)} bytes") from None  # the error shows one of them
    except InvalidValueError as error:
        raise MailprovError(_as_diagnostic(error, "; nothing was changed")) from error
    return line


def _not_utf8(got: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary="the password on standard input is not UTF-8 text; nothing was changed",
            got=got,
            want="UTF-8 text",
            fix="give the password as UTF-8",
        )
    )


def _check_one_line(text: str) -> None:
    if "\n" in text:
        raise InvalidValueError(
            "more than one line on standard input",
            got=f"{text.count(chr(10)) + 1} lines",
            want="only the password, on one line",
            fix="pipe one line, like `pass show mail/alice | head -n 1`",
        )


def _as_diagnostic(error: InvalidValueError, more: str = "") -> Diagnostic:
    return Diagnostic(
        summary=f"{error.summary}{more}", got=error.got or "", want=error.want, fix=error.fix
    )
