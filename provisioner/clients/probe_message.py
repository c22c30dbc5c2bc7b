"""The messages that prove delivery: made to break in transit if anything can break them.

Dots at the start of lines, a line of the greatest length and one far beyond it, bytes above
127, blanks at line ends, a folded header, a line that mbox files would quote, blank lines at
the end.
"""

from __future__ import annotations

import re
from email.utils import formatdate

_MARK = "mailprov-probe"
_MESSAGE_ID = re.compile(rf"<{_MARK}\.(\d{{1,12}})\.([0-9a-f]+)@[^>]*>")
_IN_FLIGHT = 600  # seconds for which somebody else's probe may still be under way
_LONGEST_LINE = 998  # RFC 5322 section 2.1.1, without the line end
_REAL_LINE = 5000  # bytes; what programs write that put a whole page into one line

_BODY = (
    ".",
    "..",
    ".a dot, then text",
    "blanks at the end   ",
    "a tab\tinside and at the end\t",
    "From the first column, as mbox files would quote it",
    "Grüße, 日本語, бывает: eight bits",
    "x" * _LONGEST_LINE,
    "0123456789" * (_REAL_LINE // 10),
    "=3D is no quoted-printable here",
    "",
    "-- ",
    "the end, then two blank lines",
    "",
    "",
)


def compose_message(
    account: str,
    token: str,
    now: float,
    *,
    header_from: str | None = None,
    long_line: bool = True,
) -> bytes:
    """Return a message of the prober to itself, lines ended by CRLF.

    token: hexadecimal, unique. now: seconds since the epoch; both go into the Message-ID.
    header_from: the address that it claims to be from, where that is not the prober's.
    long_line: with the line that is longer than RFC 5322 allows.
    """
    domain = account.rpartition("@")[2]
    header = (
        f"Date: {formatdate(now)}",
        f"From: mailprov probe <{header_from or account}>",
        f"To: {account}",
        "Subject: mailprov verifies that mail goes through,",
        "\tand deletes this message at once",
        f"Message-ID: <{_MARK}.{int(now)}.{token}@{domain}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "Auto-Submitted: auto-generated",
    )
    body = (line for line in _BODY if long_line or len(line) <= _LONGEST_LINE)
    return "".join(f"{line}\r\n" for line in (*header, "", *body)).encode()


def find_token(message_id: str) -> str | None:
    """Return the token of a Message-ID, None where no prober made it."""
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    return match[2] if match else None


def is_left_behind(message_id: str, now: float) -> bool:
    """Tell whether a message in the prober's mailbox is nobody's any more.

    Everything is, except what another verification sent within the last ten minutes.
    """
    match = _MESSAGE_ID.fullmatch(message_id.strip())
    return match is None or abs(now - int(match[1])) > _IN_FLIGHT


def message_id_of(content: bytes) -> str:
    """Return the Message-ID in a message's header, empty where there is none."""
    for line in content.partition(b"\r\n\r\n")[0].split(b"\r\n"):
        if line.lower().startswith(b"message-id:"):
            return line[11:].strip().decode("ascii", "replace")
    return ""
