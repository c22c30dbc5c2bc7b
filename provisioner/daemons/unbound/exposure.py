"""What `unbound` of a site file amounts to: who may ask (unbound.conf(5)).

The most specific network decides. Who is in none is refused, unless the interface at which
the question came in lets everybody ask (interface-action, from 1.17 on).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from provisioner.diagnostics import quoted
from provisioner.model.address_space import AddressSet, network_of
from provisioner.model.exposure import Exposure
from provisioner.model.problems import KeyPath
from provisioner.model.reading import Reading
from provisioner.model.site import Allowance, IPNetwork

# What Unbound takes for one word: text in quotes, or whatever stands between blanks and quotes; and
# a comment, which begins where a word could.
_TOKEN = re.compile(r"#.*|\"[^\"]*\"?|'[^']*'?|[^\s\"']+")
# What gets an answer about names that are not the resolver's own.
_OPEN_ACTIONS = frozenset({"allow", "allow_setrd", "allow_snoop", "allow_cookie"})
_EVERYBODY = ("0.0.0.0/0", "::/0")
_SUMMARY = "an open resolver: anybody could use it for amplification attacks"
_WANT = "the site's own networks, in `networks.resolver`"


def judge_unbound(reading: Reading) -> Iterator[Exposure]:
    """Yield what opens the resolver in `unbound.server`."""
    server = reading.file.unbound.server if reading.file.unbound else {}
    path: KeyPath = ("unbound", "server", "access-control")
    values = server.get("access-control")
    if values is not None:
        # They replace all of mailprov's own.
        if (place := _opening_rule(values)) is not None:
            yield _exposure(_at(path, values, place), values[place])
        named = {_network(value) for value in values}
        if all(network_of(everybody) in named for everybody in _EVERYBODY):
            return  # they go before what is said of interfaces
        actions = server.get("interface-action", ())
        opening = [place for place, value in enumerate(actions) if _opens_interface(value)]
        for place in opening[:1]:
            where = _at((*path[:2], "interface-action"), actions, place)
            yield _exposure(where, actions[place])


def _exposure(path: KeyPath, value: str) -> Exposure:
    return Exposure(path, Allowance.OPEN_RESOLVER, _SUMMARY, quoted(value), _WANT)


def _opening_rule(values: Sequence[str]) -> int | None:
    """Return the place of the rule that opens the resolver, None if all of them together do not."""
    rules: list[tuple[IPNetwork, bool, int]] = []
    for place, value in enumerate(values):
        network = _network(value)
        if network is not None:
            rules.append((network, _action(value) in _OPEN_ACTIONS, place))
    # The more specific a rule is, the later it has its say. Of two for one network the first
    # stays, with which Unbound keeps the other out.
    allowed = AddressSet()
    for network, opens, _ in sorted(rules, key=lambda rule: (rule[0].prefixlen, -rule[2])):
        (allowed.add if opens else allowed.remove)(network)
    if not allowed.public:
        return None
    return min(rules, key=lambda rule: (not rule[1], rule[0].prefixlen, rule[2]))[2]


def _opens_interface(value: str) -> bool:
    network = _network(value)
    inside = network is not None and network.is_private and not network.is_unspecified
    return _action(value) in _OPEN_ACTIONS and not inside


def words_of(value: str) -> list[str]:
    """Return the words of a value as Unbound parts them, in their quotes and without a comment."""
    return [word for word in _TOKEN.findall(value) if not word.startswith("#")]


def _network(value: str) -> IPNetwork | None:
    first = "".join(words_of(value)[:1]).strip("\"'")
    return network_of(first.partition("@")[0])


def _action(value: str) -> str:
    return "".join(words_of(value)[1:2]).strip("\"'").lower()


def _at(path: KeyPath, values: Sequence[str], place: int) -> KeyPath:
    return (*path, place) if len(values) > 1 else path
