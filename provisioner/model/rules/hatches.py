"""Rules about the daemons' own syntax, where the daemon's checker lets a mistake through.

Unbound takes a name in any letters and never answers for it, because names on the wire are
in A-labels; and it takes a network with host bits for a wider one than it looks like.
Dovecot 2.4 puts the content of a file that `<` names into its complaint, a key's too.
postconf(1) lists two services on one port without a word. And a value that holds more than
one value, in words that the daemon parts where the reader does not, would say what no key says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_network

from provisioner.diagnostics import quoted
from provisioner.model.names import canonical_zone
from provisioner.model.postfix_services import (
    COLUMNS,
    MX_SERVICE,
    WORKINGS,
    canonical_service,
    has_matching_braces,
)
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.reading import Reading
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


# What Unbound takes for one word: text in quotes, or whatever stands between blanks and quotes.
_TOKEN = re.compile(r"\"[^\"]*\"?|'[^']*'?|[^\s\"']+")
_OPTION_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*:|[a-z]+(-[a-z0-9]+)+:.*")


def judge_unbound_options(reading: Reading) -> Iterator[SiteProblem]:
    """Require names in A-labels and networks without host bits in `unbound.server`."""
    server = reading.file.unbound.server if reading.file.unbound else {}
    for option, values in server.items():
        for index, value in enumerate(values):
            first = value.strip(" \t\"'").split(maxsplit=1)
            path: KeyPath = ("unbound", "server", option, *((index,) if len(values) > 1 else ()))
            yield from _judge_second_option(path, value)
            if first and option in _NAMED:
                yield from _judge_name(path, first[0].strip("\"'"))
            if first and option in _NETWORKS:
                yield from _judge_network(path, first[0])


def judge_dovecot_options(reading: Reading) -> Iterator[SiteProblem]:
    """Require files to be named without `<` in `dovecot.2.4`, where their names are enough."""
    for name, value in reading.file.dovecot.get("2.4", {}).items():
        if name.endswith("_file") and value.lstrip().startswith("<"):
            plain = value.lstrip().removeprefix("<").lstrip()
            yield SiteProblem(
                ("dovecot", "2.4", name),
                "a file named as Dovecot 2.3 had it: 2.4 would read the file and take what is "
                "in it for a name",
                got=quoted(value),
                want="the file's name alone",
                fix=f"write {plain}",
            )


def judge_postfix_services(reading: Reading) -> Iterator[SiteProblem]:
    """Require one name for each service in `postfix.master`, and of a new one type and command."""
    written = reading.file.postfix.master if reading.file.postfix else {}
    known = {*WORKINGS, MX_SERVICE, *map(str, reading.submission_ports)}
    seen: dict[str, str] = {}
    for name, options in written.items():
        service = canonical_service(name)
        path = ("postfix", "master", name)
        if service in seen:
            yield SiteProblem(
                path,
                "a service that was named before",
                got=f"{name}, which is {seen[service]}",
                want="one key for a service",
                fix=f"put it all under {seen[service]}",
                at_key=True,
            )
        elif service not in known and ("/" not in name or "command" not in options):
            yield SiteProblem(
                path,
                "a new service of master.cf needs a type and a command",
                got=quoted(name),
                want="a key like 10025/inet with a `command`, or a service that mailprov defines",
                fix="name the service with its type and give it a command",
                at_key=True,
            )
        seen.setdefault(service, name)
        yield from _judge_service_values(path, options)


def _judge_service_values(path: KeyPath, options: Mapping[str, str]) -> Iterator[SiteProblem]:
    """Require values that stay what they are in master.cf: one word, or braces that match."""
    for name, value in options.items():
        if name in COLUMNS and name != "command" and len(value.split()) != 1:
            yield SiteProblem(
                (*path, name),
                "more than one word, or none, for a column of master.cf: the columns behind it "
                "would move",
                got=quoted(value),
                want="one word, as in master(5)",
                fix="write the one word",
            )
        elif not has_matching_braces(value):
            yield SiteProblem(
                (*path, name),
                "braces that do not match: in master.cf they would swallow or end what is around "
                "them",
                got=quoted(value),
                want="a closing brace for every opening one",
                fix="add the brace that is missing, or remove the other",
            )


def _judge_second_option(path: KeyPath, value: str) -> Iterator[SiteProblem]:
    tokens = _TOKEN.findall(value)
    if any(_OPTION_NAME.fullmatch(token) for token in tokens[1:]):
        yield SiteProblem(
            path,
            "a second option in the value of one: Unbound parts them at blanks and quotes",
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
        "a name in letters that are not ASCII: Unbound would never answer for it",
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
            "a network with host bits: Unbound would take it for the whole network",
            got=network,
            want="the network's first address",
            fix=f"write {whole}, or {ip_network(address)} for the one address",
        )
