"""Where an alias may lead: to a user, another alias, or an address elsewhere.

aliases(5) also knows pipes, files and includes. They run or write as the mail system
on behalf of whoever sends mail, so they are refused here by name.
"""

from __future__ import annotations

from typing import Self

from provisioner.model.names import MARKS, DomainName, LocalPart, MailAddress, is_dot_atom
from provisioner.model.values import InvalidValueError, TextValue

MOST_ADDRESSES = 100_000
"""How many addresses mail to one may become (postconf(5), virtual_alias_expansion_limit).

Postfix counts one that is reached in two ways twice, and puts mail off for ever above its limit.
"""
LONGEST_CHAIN = 990
"""How many aliases may lead from one to the next: Postfix follows 1000 (postconf(5),
virtual_alias_recursion_limit), and those of a host's own names come before the site's."""

_WANT = "a user of the site, or an address"
_FIX = "name a user or an address; delivery to programs and files is not supported"
_KINDS = (
    ("|", "an alias to a program (a pipe)"),
    ("/", "an alias to a file"),
    (":include:", "an alias to an include file"),
    ("~", "an alias to a file"),
)


class Target(TextValue):
    """The target of an alias as written: a local part, or an address of any site.

    Either may have a detail behind a +, which the user's own filters see (RFC 5233).
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the target; raise InvalidValueError if mail cannot be sent to it."""
        plain = text.strip("\"' ")
        for mark, summary in _KINDS:
            if plain.startswith(mark):
                raise InvalidValueError(summary, want=_WANT, fix=_FIX)
        if "," in text:
            raise InvalidValueError(
                "several targets in one text",
                want=_WANT,
                fix=f"write a list: [{', '.join(part.strip() for part in text.split(','))}]",
            )
        local, at, _ = text.rpartition("@")
        if not at:
            _parse_bare(text)
        elif not local:
            raise InvalidValueError("an address without a user", want=_WANT, fix=_FIX)
        else:
            MailAddress.parse_foreign(text)
        return cls(text)

    @property
    def bare(self) -> bool:
        """Whether it was written without a domain."""
        return "@" not in self

    def at(self, domain: DomainName) -> MailAddress:
        """Return the full address; a bare name belongs to `domain`."""
        if self.bare:
            return MailAddress(f"{self}@{domain}")
        local, _, own = self.rpartition("@")
        return MailAddress(f"{local}@{DomainName.parse(own)}")


def _parse_bare(text: str) -> None:
    """Raise InvalidValueError unless text is a local part of the site, maybe with a detail."""
    name, mark, _ = text.partition("+")
    LocalPart.parse(name if mark and name else text)
    if mark and not is_dot_atom(text):
        raise InvalidValueError(
            "a detail that a mail address cannot have without quotes",
            want=f"name+detail, the detail of letters, digits and {MARKS}, at most 64 in all",
            fix="remove every other character, or remove + and the detail",
        )
