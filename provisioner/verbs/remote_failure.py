"""Why a remote program broke off, in words that tell what to do.

Programs run in the C locale, so that the system's own words for a full disk and the like
are always the same (strerror(3)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError, as_root, printable, quoted
from provisioner.remote.protocol import UNREADABLE, ExitStatus, MalformedError, Section
from provisioner.verbs.ports import Completed

STATE = "/var/lib/mailprov"
_ASIDE = f"`{as_root('mv', STATE, f'{STATE}.damaged')}`"


# Who prints what stands in a section of an answer; the rest is mailprov's own.
_TOOLS: Mapping[str, str] = {
    Section.ACCOUNTS: "getent passwd",
    Section.CHECK: "postfix check, doveconf, unbound-checkconf",
    Section.DAEMONS: "postconf -d mail_version, dovecot --version, unbound -V",
    Section.DIGESTS: "sha256sum",
    Section.FILES: "stat",
    Section.GROUPS: "getent group",
    Section.LISTENING: "cat /proc/net/tcp",
    Section.PACKAGES: "dpkg-query -W, or rpm -q",
    Section.QUEUE: "postqueue -j",
    Section.SHADOW: "getent shadow",
    Section.SINCE: "systemctl show",
    Section.UNITS: "systemctl show",
    Section.CLOCK: "date +%s",
    Section.NOW: "date +%s",
    Section.CONTENT: "base64",
    Section.LEFT: "base64",
    Section.RECORD: "base64",
    Section.FILE: "base64",
}


@dataclass(frozen=True)
class Cause:
    """What is wrong with a host, and what helps. Empty where nobody knows."""

    summary: str = ""
    fix: str = ""


_CAUSES = {
    # Dovecot's master process, told to read its files anew.
    "dovecot: master: Error": Cause(
        "Dovecot cannot use its new configuration",
        "correct the setting that it names, in the site file under `dovecot`. If "
        "`doveconf -n` knows it, Dovecot started before the package update: "
        "`/usr/bin/systemctl restart dovecot`, then apply again",
    ),
    "No space left on device": Cause(
        "a disk of the host is full",
        "free space there (`df -h / /etc /var` and `df -i` show where), then run the command again",
    ),
    # apt-get(8), before it fetches anything.
    "enough free space": Cause(
        "a disk of the host is full", "free space there, then run the command again"
    ),
    # dnf(8), likewise.
    "more space needed on the": Cause(
        "a disk of the host is full", "free space there, then run the command again"
    ),
    # What dash calls any failure to write.
    "printf: I/O error": Cause(
        "a file could not be written", "check whether the disk is full (`df`, `df -i`)"
    ),
    "Disk quota exceeded": Cause(
        "a disk quota of the host is used up",
        "raise the quota or free space, then run the command again",
    ),
    "Read-only file system": Cause(
        "a file system of the host is read-only",
        "find the reason (`findmnt -O ro`, `/usr/bin/journalctl -k`), make the file "
        "system writable, then run the command again",
    ),
    "Input/output error": Cause(
        "a disk of the host has failed",
        "read `/usr/bin/journalctl -k` there, and save the disk's data",
    ),
    "Cannot allocate memory": Cause(
        "the host has no memory left",
        "find the process that uses it (`ps`, `free`), then run the command again",
    ),
}


def cause_in(text: str) -> Cause:
    """Return what the words of failed programs say of the host, an empty cause if nothing."""
    return next((cause for words, cause in _CAUSES.items() if words in text), Cause())


def shortened(text: str, head: int = 8, tail: int = 16) -> str:
    """Return a long complaint's first lines and its last: either may hold the cause."""
    lines = text.splitlines()
    gone = len(lines) - head - tail
    if gone <= 1:
        return "\n".join(lines)
    return "\n".join([*lines[:head], f"… {gone} lines left out …", *lines[-tail:]])


def stderr_of(completed: Completed) -> str:
    """Return what a program said on standard error, as text."""
    return completed.stderr.decode(errors="replace").strip()


def broken_off(where: str, doing: str, completed: Completed, reader: str) -> MailprovError:
    """Return the error for a program that ended without saying what is wrong.

    doing: what was going on. reader: what calls itself mailprov here, with its version.
    """
    said = stderr_of(completed)
    if completed.status == ExitStatus.UNFIT_STATE:
        return MailprovError(unfit_state(where, said, reader), ExitCode.REFUSED)
    cause = cause_in(said)
    summary = f"the remote program ended early while {doing}"
    return MailprovError(
        Diagnostic(
            summary=f"{summary}: {cause.summary}" if cause.summary else summary,
            where=where,
            got=f"exit status {completed.status}, {quoted(said, 400)}",
            fix=cause.fix or "check disk space, memory and the journal of the host, then try again",
        )
    )


@contextmanager
def understanding(where: str, doing: str) -> Iterator[None]:
    """Raise MailprovError, with the host's name, for an answer that has not its form.

    For what reads an answer, and nothing else. doing: what was going on.
    """
    try:
        yield
    except MalformedError as error:
        raise _malformed(where, doing, error.section, error.line) from error
    except UNREADABLE as error:
        raise _malformed(where, doing, "", "") from error


def _malformed(where: str, doing: str, section: str, line: str) -> MailprovError:
    tool = _TOOLS.get(section.partition(" ")[0], "")
    part = f": the part `{section}`" if section else ""
    return MailprovError(
        Diagnostic(
            summary=f"the host's answer while {doing} is malformed{part}",
            where=where,
            got=quoted(line, 200) if line else "",
            want=f"what `{tool}` prints" if tool else "the answer of mailprov's own program",
            fix="find the program that the host runs instead (`type -a`), then try again"
            if tool
            else ("run the command again; if the error stays, check the host's journal and disk"),
        )
    )


def unfit_state(where: str, said: str, reader: str) -> Diagnostic:
    """Return what a host's state is, by the line that state.sh told of it."""
    rows = (line.split("\t") for line in said.splitlines())
    row = next((row for row in rows if row[0] == f"@{Section.STATE}"), [])
    kind, subject, words = (*(printable(field, 300) for field in row[1:4]), "", "", "")[:3]
    if kind == "newer":
        return Diagnostic(
            summary="a newer mailprov has changed this host; nothing was changed now",
            where=where,
            got=f"state of format {subject} in {STATE}",
            want=f"a format that {reader} reads",
            fix=f"use mailprov {words} or newer" if words else "use that newer mailprov",
        )
    return Diagnostic(
        summary="the state of mailprov on this host is damaged; nothing was changed",
        where=f"{where}:{subject or STATE}",
        got=words or quoted(said, 400),
        want="the state as mailprov wrote it",
        fix=f"restore {STATE} from a backup of the host, or repair the named file. If that "
        f"is not possible, run {_ASIDE} there, and apply. The daemons and the mail stay "
        "as they are; the present state becomes generation 0",
    )
