"""What a site file may not say in Unbound's own words, where Unbound lets a mistake through.

Unbound takes a name in any letters and never answers for it, because names on the wire are
in A-labels; and it takes a network with host bits for a wider one than it looks like. A value that
holds more than one option would say what no key says, because Unbound parts words where the
reader does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network

from provisioner.daemons.unbound.exposure import judge_unbound, words_of
from provisioner.diagnostics import quoted
from provisioner.model.names import canonical_zone
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import HatchRules, HatchText, HeldRules, Reading, rule
from provisioner.model.rules.secrets import is_secret_name, named_secret_way_out
from provisioner.model.values import InvalidValueError

# Options of unbound.conf(5) whose value begins with a name of the DNS.
_NAMED = frozenset(
    {"domain-insecure", "private-domain", "local-zone", "local-zone-tag", "local-data"}
    | {"caps-exempt", "ratelimit-for-domain", "ratelimit-below-domain"}
)
# Those whose value begins with a network.
_NETWORKS = frozenset(
    {"access-control", "access-control-tag", "access-control-view", "private-address"}
)


_OPTION_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*:|[a-z]+(-[a-z0-9]+)+:.*")


def judge_unbound_options(reading: Reading) -> Iterator[SiteProblem]:
    """Require names in A-labels and networks without host bits in `unbound.server`."""
    server = reading.file.unbound.server if reading.file.unbound else {}
    for option, values in server.items():
        for index, value in enumerate(values):
            first = "".join(words_of(value)[:1]).strip(" \"'").split(maxsplit=1)
            path: KeyPath = ("unbound", "server", option, *((index,) if len(values) > 1 else ()))
            yield from _judge_second_option(path, value)
            if first and option in _NAMED:
                yield from _judge_name(path, first[0])
            if first and option in _NETWORKS:
                yield from _judge_network(path, first[0])


def _judge_second_option(path: KeyPath, value: str) -> Iterator[SiteProblem]:
    if any(_OPTION_NAME.fullmatch(word) for word in words_of(value)[1:]):
        yield SiteProblem(
            path,
            "a second option in the value of another: Unbound separates them at blanks and quotes",
            got=quoted(value),
            want="one option for each key",
            fix="write the other as a key of its own",
        )


def _judge_name(path: KeyPath, name: str) -> Iterator[SiteProblem]:
    if name.isascii():
        return
    try:
        fix = f"write {canonical_zone(name)}"
    except InvalidValueError:
        fix = "write the name in A-labels"
    yield SiteProblem(
        path,
        "a name with letters outside ASCII: Unbound would never answer for it",
        got=quoted(name),
        want="the name as it is on the wire, in A-labels (xn--…)",
        fix=fix,
    )


def _judge_network(path: KeyPath, network: str) -> Iterator[SiteProblem]:
    try:
        whole = ip_network(network, strict=False)
    except ValueError:
        return  # unbound-checkconf's to refuse
    address = network.partition("/")[0]
    if ip_network(address).network_address != whole.network_address:
        yield SiteProblem(
            path,
            "a network with host bits: Unbound would use the whole network",
            got=network,
            want="the network's first address",
            fix=f"write {whole}, or {ip_network(address)} for the one address",
        )


def _values(reading: Reading) -> Iterator[HatchText]:
    written = reading.file.unbound
    for name, values in (written.server if written else {}).items():
        for index, value in enumerate(values):
            place: KeyPath = ("unbound", "server", name)
            yield HatchText((*place, index) if len(values) > 1 else place, name, value)


HATCH = HatchRules(
    "unbound",
    judge_unbound,
    (rule(judge_unbound_options, "unbound"),),
    values=_values,
    held=HeldRules(
        "an option whose value is a secret, like cookie-secret",
        is_secret_name,
        named_secret_way_out,
        # Rows of a zone, which Unbound tells everybody who asks.
        public=frozenset({"local-data", "local-data-ptr", "local-zone"}),
        in_address=False,
    ),
)
