"""`mailprov send`: a test message, and where it went."""

from __future__ import annotations

import io
import math
import secrets as randomness
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from provisioner.cli.composition import open_run_over
from provisioner.cli.options import host_options
from provisioner.cli.outcome_view import error_rows
from provisioner.cli.send_view import end_lines, failed_json, handover_lines, sending_json
from provisioner.cli.site_opening import load_and_warn
from provisioner.cli.terminal import (
    ask_hidden,
    is_typed_at,
    show_diagnostics,
    write_json,
    write_line,
    write_lines,
)
from provisioner.clients.letter import Letter, compose_letter
from provisioner.clients.submitting import submit_message
from provisioner.diagnosis.trace import Step, Trace
from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.prober import login_name
from provisioner.model.site import Site, User
from provisioner.site.secrets import Need
from provisioner.verbs.envelope import Door, Sender, find_address, find_door, find_sender
from provisioner.verbs.handover import Posting
from provisioner.verbs.run import Run
from provisioner.verbs.send import Sending, ends_of, follow, hand_in

if TYPE_CHECKING:
    from provisioner.site.secrets import Secrets

_BODY = "This is a test message from `mailprov send`.\n"
_FIRST_PAUSE = 0.2  # seconds between two looks at the logs, growing
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True)
class Wish:
    """What was typed. body: None for our own text, `-` for standard input."""

    sender: str
    recipients: tuple[str, ...]
    login: str | None
    port: int | None
    subject: str
    body: str | None
    password_stdin: bool


def _finite(_: click.Context, __: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter("wanted: a number of seconds")
    return value


@click.command("send")
@host_options
@click.option("--from", "sender", required=True, metavar="ADDRESS", help="Sender.")
@click.option(
    "--to",
    "recipients",
    required=True,
    multiple=True,
    metavar="ADDRESS",
    help="Recipient; repeatable.",
)
@click.option("--login", metavar="USER", help="User who logs in; default: the sender.")
@click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the password from the first line of standard input.",
)
@click.option("--port", type=int, help="587 or 465; default: a port of the site.")
@click.option("--subject", default="Test message", metavar="TEXT", help="Subject of the message.")
@click.option("--body", metavar="TEXT", help="Text of the message; - reads standard input.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30,
    callback=_finite,
    help="Seconds to trace the delivery; default: 30.",
)
def command(
    site_file: Path,
    limit: Sequence[str],
    *,
    as_json: bool,
    accept_new: bool,
    wait: float,
    **typed: object,
) -> int:
    """Send a test message as a mail client would, and trace its delivery.

    A user of the site logs in and submits the message. A message from another domain comes in on
    port 25, as from another server. A name without @ is of the primary domain. The exit code is 0
    if the message was delivered or handed on for every recipient.
    """
    wish = Wish(**typed)  # type: ignore[arg-type] # click hands over what the options say
    site = load_and_warn(site_file).site
    route = _route(site, wish)
    # The mail of one must not wait for the secrets of all.
    user = None if wish.password_stdin else route.sender.user
    users = (user,) if user else ()
    with open_run_over(
        site, site_file, limit, accept_new=accept_new, quiet=True, users=users, need=Need.ALL
    ) as opened:
        run, secrets = opened
        posting = _posting(site, wish, route, secrets)
        try:
            sending = hand_in(run, posting, submit_message)
        except MailprovError as error:
            if as_json and error.exit_code != ExitCode.USAGE:
                write_json(failed_json([error]))
                return error.exit_code
            raise
        return _Watch(run, sending, wait, quiet=as_json).report()


@dataclass
class _Watch:
    """A message that is followed. quiet: nothing is said before the end, and then as JSON."""

    run: Run
    sending: Sending
    wait: float
    quiet: bool
    trace: Trace = field(default_factory=Trace)
    shown: set[Step] = field(default_factory=set)

    def report(self) -> int:
        """Follow the message, show its way and its ends; return the exit code."""
        error: MailprovError | None = None
        interrupted = False
        try:
            if not self.quiet:
                write_lines(handover_lines(self.run.site, self.sending))
            if self.sending.handover.accepted:
                self._follow()
        except MailprovError as problem:
            error = problem
        except KeyboardInterrupt:
            interrupted = True
        self._show_steps()
        return self._finish(error, interrupted=interrupted)

    def _follow(self) -> None:
        deadline = time.monotonic() + self.wait
        pause = _FIRST_PAUSE
        for trace in follow(self.run, self.sending):
            self.trace = trace
            if not trace.awaits_store:
                self._show_steps()
            left = deadline - time.monotonic()
            if trace.finished or left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def _show_steps(self) -> None:
        for step in self.trace.steps:
            if step not in self.shown and not self.quiet:
                write_line(f"{step.host}  {step.text}")
            self.shown.add(step)

    def _finish(self, error: MailprovError | None, *, interrupted: bool) -> int:
        ends = ends_of(self.run.site, self.sending, self.trace)
        if self.quiet:
            document = sending_json(self.run.site, self.sending, self.trace, ends)
            document["errors"] = error_rows([error] if error else [])
            write_json(document)
        elif error:
            show_diagnostics(error.diagnostics)
        elif not interrupted:
            write_lines(end_lines(ends, self.wait, self.trace.unlogged))
        if self.sending.handover.accepted and (interrupted or error):
            write_line(self._accepted(), err=True)
        if interrupted:
            return ExitCode.INTERRUPTED
        if error:
            return error.exit_code
        return ExitCode.OK if ends and all(each.end.good for each in ends) else ExitCode.FAILED

    def _accepted(self) -> str:
        host = self.sending.posting.door.host.key
        name = self.sending.queue_id or self.sending.posting.message_id
        return (
            f"mailprov: tracing stopped; {host} has accepted the message as {name} and "
            "continues to deliver it"
        )


@dataclass(frozen=True)
class _Route:
    """Who sends to whom, and where the message goes in."""

    sender: Sender
    recipients: tuple[str, ...]
    door: Door


def _route(site: Site, wish: Wish) -> _Route:
    sender = find_sender(site, wish.sender, wish.login)
    recipients = tuple(
        dict.fromkeys(str(find_address(site, text, "--to")) for text in wish.recipients)
    )
    return _Route(sender, recipients, find_door(site, sender, recipients, wish.port))


def _posting(site: Site, wish: Wish, route: _Route, secrets: Secrets) -> Posting:
    sender = route.sender
    secret = _password(sender.user, secrets, wish) if sender.user else ""
    letter = Letter(sender.address, route.recipients, wish.subject, _body(wish))
    content, message_id = compose_letter(letter, now=time.time(), token=randomness.token_hex(12))
    return Posting(
        door=route.door,
        sender=sender.address,
        recipients=route.recipients,
        content=content,
        message_id=message_id,
        login=login_name(site, sender.user.address) if sender.user else "",
        secret=secret,
    )


def _password(user: User, secrets: Secrets, wish: Wish) -> str:
    """Return the password: from standard input, from the site file's reference, or asked for."""
    if wish.password_stdin:
        line = _input().readline().removesuffix(b"\n").removesuffix(b"\r")
        return _utf8(line, "the password on standard input")
    known = secrets.cleartext(user.address)
    if known is not None:
        return known
    if is_typed_at():
        return ask_hidden(
            f"Password of {user.address}: ",
            undone="no message was sent",
            fix="give the password as the first line of standard input with --password-stdin",
            exit_code=ExitCode.USAGE,
        )
    raise MailprovError(
        Diagnostic(
            "the site file has only a hash of this user's password",
            got=user.address,
            want="the password itself, to log in with",
            fix="run the command on a terminal, or give the password as the first line of "
            "standard input with --password-stdin",
        ),
        ExitCode.USAGE,
    )


def _body(wish: Wish) -> str:
    if wish.body is None:
        return _BODY
    if wish.body != "-":
        return wish.body
    if is_typed_at():
        raise MailprovError(
            Diagnostic(
                "--body - reads the text from standard input, but that is a terminal",
                fix="pipe the text in, or give it after --body",
            ),
            ExitCode.USAGE,
        )
    return _utf8(_input().read(), "the text on standard input")


def _input() -> IO[bytes]:
    """Return standard input; where it is closed Python has none, and it is empty."""
    return io.BytesIO() if sys.stdin is None else sys.stdin.buffer


def _utf8(octets: bytes, what: str) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MailprovError(
            Diagnostic(f"{what} is not UTF-8", got=str(error.reason), fix="send UTF-8 text"),
            ExitCode.USAGE,
        ) from error
