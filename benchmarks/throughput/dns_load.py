"""Questions for a resolver, their right answers, and dnsperf asking them.

dnsperf(1) counts answers and their codes, and does not read them. So every question is asked once
before and once after each of its runs, and the whole answer is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from benchmarks.throughput.variants import DOMAIN, FQDN
from provisioner.lab import LabHost

ZONE = "names.example"
"""A signed zone of the lab's internet: its names are resolved, validated and then cached."""
NAMES = 1000
_TTL = 3600
_TIMEOUT = 5.0
_OWN_TO_OTHERS = 4
_COMMAND = ("dnsperf", "-d", "/root/questions", "-T", "1", "-c", "20", "-q", "100", "-t", "5")
_COUNTS = {
    "sent": r"Queries sent: +(\d+)",
    "completed": r"Queries completed: +(\d+)",
    "right": r"Response codes: .*?NOERROR (\d+)",
    "rate": r"Queries per second: +([\d.]+)",
}

Question = tuple[str, str]
"""A name and a type of record."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The report of dnsperf: questions sent, answered, answered NOERROR, and answers a second."""

    sent: int
    completed: int
    right: int
    rate: float


def zone_records() -> list[str]:
    """Return the zone's lines; they outlive a run in every cache."""
    return [f"{_name(number)} {_TTL} IN A {_address(number)}" for number in range(NAMES)]


def right_answers(address: str) -> Mapping[Question, str]:
    """Return every question with its answer: the zone's names, and the site's own.

    address: the mail host's, to which its name resolves.
    """
    others = {(f"{_name(n)}.{ZONE}.", "A"): _address(n) for n in range(NAMES)}
    own = {
        (f"{FQDN}.", "A"): address,
        (f"{DOMAIN}.", "MX"): f"10 {FQDN}.",
        (f"_imaps._tcp.{DOMAIN}.", "SRV"): f"0 1 993 {FQDN}.",
        (f"_submissions._tcp.{DOMAIN}.", "SRV"): f"0 1 465 {FQDN}.",
    }
    return {**others, **own}


def question_file(questions: Sequence[Question]) -> str:
    """Return dnsperf's input: after every four names of others, one of the site itself."""
    own = [one for one in questions if one[0].endswith(f"{DOMAIN}.")]
    others = [one for one in questions if one not in own]
    return "".join(f"{name} {kind}\n" for name, kind in _mixed(own, others))


def wrong_answers(server: str, wanted: Mapping[Question, str]) -> list[str]:
    """Ask every question once; return a line for each answer that is not the right one."""
    found = []
    for (name, kind), want in wanted.items():
        try:
            got = _ask(server, name, kind)
        except (dns.exception.DNSException, OSError) as problem:
            got = f"{type(problem).__name__} {problem}"
        if got != want:
            found.append(f"{name} {kind}: {got!r}, not {want!r}")
    return found


def run_dnsperf(load: LabHost, server: str, seconds: int) -> Answered:
    """Have a lab host ask for this number of seconds, as fast as answers come."""
    said = load.check_run([*_COMMAND, "-s", server, "-l", str(seconds)], timeout=seconds + 60)
    return parse_dnsperf(said)


def parse_dnsperf(text: str) -> Answered:
    """Return the counts from dnsperf's report; ValueError where one is missing."""
    found = {name: re.search(pattern, text) for name, pattern in _COUNTS.items()}
    missing = [name for name, match in found.items() if match is None]
    if missing:
        raise ValueError(f"dnsperf does not say {', '.join(missing)}:\n{text[-2000:]}")
    numbers = {name: float(match[1]) for name, match in found.items() if match}
    return Answered(
        sent=int(numbers["sent"]),
        completed=int(numbers["completed"]),
        right=int(numbers["right"]),
        rate=numbers["rate"],
    )


def _ask(server: str, name: str, kind: str) -> str:
    query = dns.message.make_query(name, kind)
    answer = dns.query.udp(query, server, timeout=_TIMEOUT)
    texts = [
        record.to_text()
        for rrset in answer.answer
        if rrset.rdtype == dns.rdatatype.from_text(kind)
        for record in rrset
    ]
    return ", ".join(sorted(texts))


def _mixed(own: Sequence[Question], others: Sequence[Question]) -> Iterator[Question]:
    for number, question in enumerate(others):
        yield question
        if own and number % _OWN_TO_OTHERS == _OWN_TO_OTHERS - 1:
            yield own[number // _OWN_TO_OTHERS % len(own)]


def _name(number: int) -> str:
    return f"n{number:04}"


def _address(number: int) -> str:
    # 198.18.0.0/15 is set aside for benchmarks (RFC 2544); its low part is the lab's outside.
    return f"198.19.{number // 250}.{number % 250 + 1}"
