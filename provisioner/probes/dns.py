"""Whether the site's DNS says what the model says.

Every record is asked of every host with the role, over UDP and TCP; a forwarded name
has to resolve, and a stranger has to be refused (RFC 5358: no open resolver).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Literal

from provisioner.model.site import IPAddress
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Question


@dataclass(frozen=True)
class DnsAnswer:
    """A reply.

    rcode: as text, NOERROR. records: the data of the answer section that has the asked
    type, in presentation format. words: what the server said besides (extended DNS errors,
    RFC 8914). source: our address.
    """

    rcode: str
    records: frozenset[str] = frozenset()
    words: str = ""
    source: IPAddress | None = None


@dataclass(frozen=True, kw_only=True)
class RecordQuestion(Question[DnsAnswer]):
    """Whether a name has exactly these records of this type; without any, whether it has some.

    transport: `udp` or `tcp`. records: presentation format, any spelling of it.
    """

    name: str
    type: str
    transport: Literal["udp", "tcp"]
    records: frozenset[str] = frozenset()

    def while_pending(self) -> RecordQuestion:
        """Take back a resolver that does not answer for its zones."""
        return self

    @property
    def want(self) -> str:
        """The records."""
        if not self.records:
            return f"NOERROR with a record of type {self.type}"
        return _listed(self._in_one_spelling(self.records))

    @property
    def remedy(self) -> str:
        """A zone that is not what the site says."""
        listed = f"unbound-control list_local_data | grep -F {shlex.quote(self.name)}"
        firewall = "; if only UDP fails, a firewall drops UDP port 53" if self.udp else ""
        return f"apply again; `{listed}` on the host lists the served records{firewall}"

    def judge(self, answer: DnsAnswer) -> tuple[Finding, ...]:
        """Judge the reply code, then the data."""
        if answer.rcode != "NOERROR":
            return self.failed(" ".join(filter(None, (answer.rcode, answer.words))))
        got = self._in_one_spelling(answer.records)
        sound = got == self._in_one_spelling(self.records) if self.records else bool(got)
        shown = _listed(got) if got else f"NOERROR without a record of type {self.type}"
        return self.passed(shown) if sound else self.failed(shown)

    def _in_one_spelling(self, records: frozenset[str]) -> frozenset[str]:
        # dnspython is for whoever asks: an apply with nothing to do need not load it.
        from provisioner.probes.record_spelling import canonical  # noqa: PLC0415 see above

        return canonical(records, self.type)


@dataclass(frozen=True, kw_only=True)
class ForwardQuestion(Question[DnsAnswer]):
    """Whether a name below a forwarded zone resolves."""

    name: str
    type: str
    servers: tuple[str, ...]

    @property
    def want(self) -> str:
        """An answer, whatever it is."""
        return "NOERROR"

    @property
    def remedy(self) -> str:
        """A forwarder that does not answer, or whose answers do not validate."""
        ask = f"dig @{self.servers[0]} {shlex.quote(self.name)} {self.type}"
        return (
            f"query the forwarders from the host (`{ask}`); if they answer and only "
            "this resolver fails, DNSSEC validation fails: name the zone under "
            "dns.insecure if it is unsigned inside"
        )

    def judge(self, answer: DnsAnswer) -> tuple[Finding, ...]:
        """Judge the reply code."""
        got = " ".join(filter(None, (answer.rcode, answer.words)))
        return self.passed(got) if answer.rcode == "NOERROR" else self.failed(got)


@dataclass(frozen=True, kw_only=True)
class StrangerQuestion(Question[DnsAnswer]):
    """Whether somebody outside networks.resolver is refused.

    allowed: the reason for an open resolver.
    """

    name: str
    type: str = "A"
    allowed: str | None = None

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    def while_pending(self) -> StrangerQuestion | None:
        """Take back an open resolver, unless the site wants it."""
        return None if self.allowed else replace(self, pending=True)

    @property
    def want(self) -> str:
        """A refusal, unless the site wants to be open."""
        return "anything: open-resolver is allowed" if self.allowed else "REFUSED"

    @property
    def remedy(self) -> str:
        """An access list that is too wide."""
        if self.allowed is not None:
            return "list the clients under networks.resolver, then drop open-resolver"
        return "narrow networks.resolver and any access-control under unbound, then apply again"

    def judge(self, answer: DnsAnswer) -> tuple[Finding, ...]:
        """Judge the reply code: everything but a refusal can be abused to amplify."""
        got = f"{answer.rcode} to {answer.source or 'a stranger'}"
        if self.allowed is not None:
            reason = f"{got}; allowed because: {self.allowed}"
            return (self.finding(Status.WARNING, reason),)
        return self.passed(got) if answer.rcode == "REFUSED" else self.failed(got)


def _listed(records: frozenset[str]) -> str:
    return ", ".join(sorted(records))
