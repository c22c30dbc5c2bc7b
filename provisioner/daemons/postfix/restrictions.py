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
    COMBINING,
    is_top_level,
    table_rows,
    words,
)
from provisioner.model.address_space import AddressSet, network_of

# All of them are asked of a recipient, and one that refuses is enough. A table without a word
# before it is looked up as the second column says.
_LISTS = {
    "smtpd_relay_restrictions": "check_recipient_access",
    "smtpd_recipient_restrictions": "check_recipient_access",
    "smtpd_client_restrictions": "check_client_access",
    "smtpd_helo_restrictions": "check_helo_access",
    "smtpd_sender_restrictions": "check_sender_access",
}

_REFUSALS = frozenset({"reject", "defer", "defer_if_permit"})
_UNAUTHORISED = frozenset({"reject_unauth_destination", "defer_unauth_destination"})
# Whoever says an address instead of a name after HELO is let in, and anybody can.
_PERMITS = frozenset({"permit", "permit_naked_ip_address"})
# A number alone permits, whatever number it is.
_PERMITTING_ROW = re.compile(r"(?i:ok|relay)(\s.*)?|\d+")
_REFUSING_ROW = re.compile(r"(?i:reject|defer|defer_if_permit|discard)\b.*|[45]\d\d\s.*")
_NEUTRAL_ROW = re.compile(r"(?i:dunno|hold|warn|info|prepend|filter|redirect|bcc)\b.*|")
# Words with another behind them that say nothing of whoever has neither login nor certificate.
_OF_OTHERS = frozenset({"check_policy_service", "check_sasl_access", "check_ccert_access"})
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
        return all(
            self._judge(self._value_of(name), lookup) is not ListVerdict.REFUSE
            for name, lookup in _LISTS.items()
        )

    def is_among(self, parameter: str) -> bool:
        """Tell whether a list of hosts and networks holds strangers: mynetworks and its like.

        The first element that matches decides; `!` takes out.
        """
        held = AddressSet()
        for word in reversed(words(self._value_of(parameter))):
            pattern = word.removeprefix("!")
            rows = table_rows(pattern)
            for key, _ in reversed(rows) if rows is not None else [(pattern, "")]:
                if not key or is_top_level(key):
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
            for key, _ in (table_rows(word) or [(word, "")])
        )

    def _judge(self, restrictions: str, lookup: str, depth: int = 0) -> ListVerdict:
        if depth > _DEEPEST:
            return ListVerdict.NOTHING
        listed = iter(words(restrictions))
        warns_only = False
        for word in listed:
            if word.lower() == "warn_if_reject":
                warns_only = True
                continue
            verdict = self._one(word, listed, lookup, depth)
            if verdict is ListVerdict.PERMIT or (verdict is ListVerdict.REFUSE and not warns_only):
                return verdict
            warns_only = False
        return ListVerdict.NOTHING

    def _one(self, word: str, rest: Iterator[str], lookup: str, depth: int) -> ListVerdict:
        name = word.lower()
        if self._is_let_in(name):
            return ListVerdict.PERMIT
        if name in _REFUSALS or (name in _UNAUTHORISED and not self._may_go_on):
            return ListVerdict.REFUSE
        if ":" in word:
            return self._look_up(lookup, word, lookup, depth)
        if name in _OF_OTHERS:
            next(rest, None)
        elif name.startswith("check_") and name.endswith("_access"):
            return self._look_up(name, next(rest, ""), lookup, depth)
        elif name in words(self._value_of("smtpd_restriction_classes").lower()):
            return self._judge(self._value_of(word), lookup, depth + 1)
        return ListVerdict.NOTHING

    def _is_let_in(self, name: str) -> bool:
        if name == "permit_mynetworks":
            return self.is_among("mynetworks") or self._says_its_address
        if name == "permit_inet_interfaces":
            return self._says_its_address
        if name == "permit_auth_destination":
            return self._may_go_on
        return name in _PERMITS

    @cached_property
    def _may_go_on(self) -> bool:
        return self.is_destination("relay_domains")

    @cached_property
    def _says_its_address(self) -> bool:
        # Who may say which address it comes from may say the host's own.
        return self.is_among("smtpd_authorized_xclient_hosts") or bool(
            self._value_of("smtpd_upstream_proxy_protocol").strip()
        )

    def _look_up(self, name: str, table: str, lookup: str, depth: int) -> ListVerdict:
        rows = table_rows(table)
        if rows is None:
            return ListVerdict.NOTHING
        judged = [(key, self._row(result, lookup, depth)) for key, result in rows]
        if table.partition(":")[0] in COMBINING:
            judged.sort(key=lambda row: row[1] is not ListVerdict.PERMIT)
        if name in _ADDRESS_LOOKUPS:
            return _by_address(judged)
        # The stranger says just what is let in, and nothing that is refused.
        chosen = name in _CHOSEN_LOOKUPS
        for key, verdict in judged:
            if not key or (verdict is ListVerdict.PERMIT and (chosen or is_top_level(key))):
                return verdict
        return ListVerdict.NOTHING

    def _row(self, result: str, lookup: str, depth: int) -> ListVerdict:
        if _PERMITTING_ROW.fullmatch(result):
            return ListVerdict.PERMIT
        if _REFUSING_ROW.fullmatch(result):
            return ListVerdict.REFUSE
        if _NEUTRAL_ROW.fullmatch(result):
            return ListVerdict.NOTHING
        return self._judge(result, lookup, depth + 1)


def _by_address(rows: list[tuple[str, ListVerdict]]) -> ListVerdict:
    """Return what rows by address say of most strangers; the first that matches decides."""
    everybody = [network_of("0.0.0.0/0"), network_of("[::]/0")]
    sets = {verdict: AddressSet() for verdict in ListVerdict}
    for key, verdict in reversed([*rows, ("", ListVerdict.NOTHING)]):
        every = not key or (verdict is ListVerdict.PERMIT and is_top_level(key))
        for network in everybody if every else [network_of(key)]:
            for held, addresses in sets.items():
                if network is not None:
                    (addresses.add if held is verdict else addresses.remove)(network)
    if sets[ListVerdict.PERMIT].public:
        return ListVerdict.PERMIT
    return ListVerdict.NOTHING if sets[ListVerdict.NOTHING].public else ListVerdict.REFUSE
