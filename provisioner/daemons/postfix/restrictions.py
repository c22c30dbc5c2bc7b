"""What smtpd's lists of restrictions make of a stranger who wants mail relayed.

The stranger has no login and no certificate, may say any name and any sender, and writes to
a domain that has nothing to do with the site. Sources: postconf(5) for the restrictions,
access(5) for what a table's row does, SMTPD_ACCESS_README for the order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import cached_property

from provisioner.daemons.postfix.language import (
    is_top_level,
    table_rows,
    words,
)
from provisioner.model.address_space import AddressSet, network_of

LISTS = (
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
)
"""All of them are asked of a recipient, and one that refuses is enough."""

_REFUSALS = frozenset({"reject", "defer", "defer_if_permit"})
_UNAUTHORISED = frozenset({"reject_unauth_destination", "defer_unauth_destination"})
# Whoever says an address instead of a name after HELO is let in, and anybody can.
_PERMITS = frozenset({"permit", "permit_naked_ip_address"})
_REFUSING_ROW = re.compile(r"(?i:reject|defer|defer_if_permit|discard)\b.*|[45]\d\d(\s.*)?")
_NEUTRAL_ROW = re.compile(r"(?i:dunno|hold|warn|info|prepend|filter|redirect|bcc)\b.*|")
_ADDRESS_LOOKUPS = frozenset({"check_client_access"})
_CHOSEN_LOOKUPS = frozenset({"check_helo_access", "check_sender_access"})
_DEEPEST = 10


class ListVerdict(Enum):
    """What a list says of the stranger's recipient."""

    PERMIT = auto()
    REFUSE = auto()
    NOTHING = auto()


class Stranger:
    """The stranger before the lists of one service.

    value_of: a parameter of the service, expanded.
    """

    def __init__(self, value_of: Callable[[str], str]) -> None:
        self._value_of = value_of

    def may_relay(self) -> bool:
        """Tell whether no list refuses."""
        return all(self._judge(self._value_of(name)) is not ListVerdict.REFUSE for name in LISTS)

    def is_among(self, parameter: str) -> bool:
        """Tell whether a list of hosts and networks holds strangers: mynetworks and its like.

        The first element that matches decides; `!` takes out.
        """
        held = AddressSet()
        for word in reversed(words(self._value_of(parameter))):
            pattern = word.removeprefix("!")
            rows = table_rows(pattern)
            for key, _ in reversed(rows) if rows is not None else [(pattern, "")]:
                if not key or key == "unknown" or is_top_level(key):
                    if word == pattern:
                        return True
                elif network := network_of(key):
                    (held.add if word == pattern else held.remove)(network)
        return held.public

    def is_destination(self, parameter: str) -> bool:
        """Tell whether a list of domains holds the stranger's: relay_domains and its like."""
        return any(
            not key or is_top_level(key)
            for word in words(self._value_of(parameter))
            if not word.startswith("!")
            for key, _ in (table_rows(word) or [(word, "")])
        )

    def _judge(self, restrictions: str, depth: int = 0) -> ListVerdict:
        if depth > _DEEPEST:
            return ListVerdict.NOTHING
        listed = iter(words(restrictions))
        for word in listed:
            verdict = self._one(word.lower(), word, listed, depth)
            if verdict is not ListVerdict.NOTHING:
                return verdict
        return ListVerdict.NOTHING

    def _one(self, name: str, word: str, rest: Iterator[str], depth: int) -> ListVerdict:
        if name in _PERMITS or (name == "permit_mynetworks" and self._is_trusted):
            return ListVerdict.PERMIT
        if name in _REFUSALS:
            return ListVerdict.REFUSE
        if name in _UNAUTHORISED:
            return (
                ListVerdict.NOTHING if self.is_destination("relay_domains") else ListVerdict.REFUSE
            )
        if name == "warn_if_reject":
            next(rest, None)
        elif name.startswith("check_") and name.endswith("_access"):
            return self._look_up(name, next(rest, ""), depth)
        elif name == "check_policy_service":
            next(rest, None)
        elif name in words(self._value_of("smtpd_restriction_classes").lower()):
            return self._judge(self._value_of(word), depth + 1)
        return ListVerdict.NOTHING

    @cached_property
    def _is_trusted(self) -> bool:
        # Who may say which address it comes from may say the host's own.
        return (
            self.is_among("mynetworks")
            or self.is_among("smtpd_authorized_xclient_hosts")
            or bool(self._value_of("smtpd_upstream_proxy_protocol").strip())
        )

    def _look_up(self, name: str, table: str, depth: int) -> ListVerdict:
        rows = table_rows(table)
        if rows is None:
            return ListVerdict.NOTHING
        judged = [(key, self._row(result, depth)) for key, result in rows]
        if name in _ADDRESS_LOOKUPS:
            return _by_address(judged)
        chosen = name in _CHOSEN_LOOKUPS
        for key, verdict in judged:
            if not key or is_top_level(key):
                return verdict
            if chosen and verdict is ListVerdict.PERMIT:
                return verdict  # the stranger says just that
        return ListVerdict.NOTHING

    def _row(self, result: str, depth: int) -> ListVerdict:
        if _REFUSING_ROW.fullmatch(result):
            return ListVerdict.REFUSE
        if result.lower() == "ok" or result.lower().startswith("ok ") or result.isdecimal():
            return ListVerdict.PERMIT
        if _NEUTRAL_ROW.fullmatch(result):
            return ListVerdict.NOTHING
        return self._judge(result, depth + 1)


def _by_address(rows: list[tuple[str, ListVerdict]]) -> ListVerdict:
    """Return what rows by address say of most strangers; the first that matches decides."""
    everybody = [network_of("0.0.0.0/0"), network_of("[::]/0")]
    sets = {verdict: AddressSet() for verdict in ListVerdict}
    for key, verdict in reversed([*rows, ("", ListVerdict.NOTHING)]):
        every = not key or is_top_level(key)
        for network in everybody if every else [network_of(key)]:
            for held, addresses in sets.items():
                if network is not None:
                    (addresses.add if held is verdict else addresses.remove)(network)
    if sets[ListVerdict.PERMIT].public:
        return ListVerdict.PERMIT
    return ListVerdict.NOTHING if sets[ListVerdict.NOTHING].public else ListVerdict.REFUSE
