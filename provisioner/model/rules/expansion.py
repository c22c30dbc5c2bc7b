"""What one address becomes: aliases that lead to more than Postfix delivers to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from provisioner.model.names import MailAddress
from provisioner.model.problems import SiteProblem
from provisioner.model.reading import ReadAlias, Reading, next_sources
from provisioner.model.targets import LONGEST_CHAIN, MOST_ADDRESSES


class _Size(NamedTuple):
    """What an address becomes: how many, and by how many aliases, one behind the other."""

    addresses: int
    chain: int


_ONE = _Size(1, 0)
_COUNTED = 10**9


def judge_alias_sizes(reading: Reading) -> Iterator[SiteProblem]:
    """Require aliases that Postfix follows to their end; of those that lead to one, the first."""
    by_source = reading.aliases_by_source
    sizes: dict[MailAddress, _Size] = {}
    for alias in reading.aliases:
        _measure(alias.source, by_source, sizes)
    for source, size in sizes.items():
        below = [sizes[target] for target in next_sources(source, by_source) if target in sizes]
        if size.addresses > MOST_ADDRESSES and all(
            each.addresses <= MOST_ADDRESSES for each in below
        ):
            yield SiteProblem(
                by_source[source].path,
                "an alias that leads to more addresses than Postfix allows for one message",
                got=f"{size.addresses} addresses or more, one for each way that leads there",
                want=f"{MOST_ADDRESSES} at most; Postfix would defer the mail for ever",
                fix="split the alias, or remove addresses that several of its targets share",
            )
        if size.chain > LONGEST_CHAIN and all(each.chain <= LONGEST_CHAIN for each in below):
            yield SiteProblem(
                by_source[source].path,
                "an alias chain that is too long",
                got=f"{size.chain} aliases in a chain",
                want=f"{LONGEST_CHAIN} at most; Postfix would defer the mail for ever",
                fix="point the alias at the last one of the chain",
            )


def _measure(
    start: MailAddress, by_source: Mapping[MailAddress, ReadAlias], sizes: dict[MailAddress, _Size]
) -> None:
    """Add the sizes of an alias and of all that it leads to.

    Depth-first without recursion: a chain of aliases may be as long as the file. A circle, of
    which another rule tells, counts as its end.
    """
    begun: set[MailAddress] = set()
    waiting = [start]
    while waiting:
        source = waiting[-1]
        if source in begun or source in sizes:
            waiting.pop()
        if source in sizes:
            continue
        if source not in begun:
            begun.add(source)
            waiting += (each for each in next_sources(source, by_source) if each not in begun)
            continue
        below = [sizes.get(target, _ONE) for target in next_sources(source, by_source)]
        elsewhere = len(by_source[source].targets) - len(below)
        addresses = min(elsewhere + sum(size.addresses for size in below), _COUNTED)
        sizes[source] = _Size(addresses, 1 + max((size.chain for size in below), default=0))
