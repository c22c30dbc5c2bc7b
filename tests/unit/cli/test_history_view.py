"""How a host's history looks."""

from __future__ import annotations

from support.refs import ref

from provisioner.cli.history_verb import history_lines
from provisioner.plan.history import History, parse_history

REASON = (
    "returned: mail does not go in and come out: smtp.relay-refused@mail, imap.roundtrip@mail, "
    "submission.login@mail; the first says that the server closed the connection"
)


def row(number: str, generation: str, outcome: str) -> str:
    who = f"root@desk (process {number})"
    return "\t".join(
        (f"2026-11-24T10:00:0{number}Z", number, "configuration", generation, who, outcome)
    )


HISTORY = {
    ref("mail"): parse_history(
        ["2\taaaa000000000001"],
        [row("1", "aaaa000000000001", "confirmed"), row("2", "bbbb000000000002", REASON)],
        ["0", "aaaa000000000001"],
        [],
    )
}


def test_where_it_is_no_terminal_every_transaction_is_one_row() -> None:
    assert len(history_lines(HISTORY, None)) == 3


def test_a_return_with_a_long_reason_fits_the_terminal() -> None:
    """People met rows of over 200 characters once a configuration had returned."""
    for columns in (80, 100, 120):
        lines = history_lines(HISTORY, columns)
        assert max(map(len, lines)) <= columns
        told = " ".join(" ".join(lines).split())
        assert REASON in told
        assert "by root@desk (process 2)" in told


def test_a_row_that_fits_stays_a_row() -> None:
    assert history_lines(HISTORY, 400) == history_lines(HISTORY, None)


def test_a_host_that_was_never_changed_has_a_row() -> None:
    lines = history_lines({ref("mail"): History()}, 80)
    assert "mailprov has never changed this host" in " ".join(lines)
