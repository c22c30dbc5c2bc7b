"""Whether the TLS of a service is what it should be.

The version (RFC 8996 ends 1.0 and 1.1), the key that the host holds and no other, a
certificate that is valid now and for the host's name, no answer to commands smuggled in
before the handshake (CVE-2011-0411, RFC 3207 section 6), and no login in the clear.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from provisioner.model.services import Service
from provisioner.probes.finding import Finding, Status
from provisioner.probes.question import Question

ACCEPTED_VERSIONS = ("TLSv1.2", "TLSv1.3")
RENEW_BEFORE = timedelta(days=14)


@dataclass(frozen=True)
class TlsAnswer:
    """A finished handshake and the certificate that came with it.

    fingerprint: SHA-256 of the certificate in DER, hexadecimal. names: the subject's
    alternative DNS names. asked_at: the controller's clock, with its time zone.
    """

    version: str
    cipher: str
    fingerprint: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    asked_at: datetime


@dataclass(frozen=True, kw_only=True)
class TlsQuestion(Question[TlsAnswer]):
    """Whether this is the host's key, in a valid certificate, over a current TLS.

    fingerprint: of the certificate that the host holds; None where it holds none.
    """

    service: Service
    name: str
    fingerprint: str | None

    @property
    def want(self) -> str:
        """Version, name and key."""
        return f"TLS 1.2 or 1.3, valid for {self.name}, SHA-256 {self.fingerprint or 'of the host'}"

    @property
    def remedy(self) -> str:
        """Where the handshake itself fails."""
        return (
            "look for TLS in the daemon's log on the host, correct the cause, then "
            "apply again; common causes: the certificate or key file is missing, "
            "unreadable or not a pair"
        )

    def judge(self, answer: TlsAnswer) -> tuple[Finding, ...]:
        """Judge version, key, name and dates; all that is wrong is said at once."""
        problems = (
            _version_problem(answer),
            _key_problem(answer, self.fingerprint),
            _name_problem(answer, self.name),
            _date_problem(answer),
        )
        wrong = [problem for problem in problems if problem is not None]
        if wrong:
            remedies = dict.fromkeys(problem.remedy for problem in wrong)
            return self.failed(
                "; ".join(problem.got for problem in wrong), remedy="; ".join(remedies)
            )
        got = f"{answer.version} {answer.cipher}, until {answer.not_after:%Y-%m-%d}"
        if answer.not_after - answer.asked_at < RENEW_BEFORE:
            return (self.finding(Status.WARNING, got, remedy="renew the certificate"),)
        return self.passed(got)


@dataclass(frozen=True)
class _Problem:
    got: str
    remedy: str


def _version_problem(answer: TlsAnswer) -> _Problem | None:
    if answer.version in ACCEPTED_VERSIONS:
        return None
    return _Problem(f"version {answer.version}", "apply again to restore the TLS settings")


def _key_problem(answer: TlsAnswer, fingerprint: str | None) -> _Problem | None:
    if fingerprint is None:
        return _Problem(
            "the host has no certificate", "apply again, which makes a missing certificate"
        )
    if answer.fingerprint == fingerprint:
        return None
    remedy = (
        "reload the daemon, then verify again: either it has not reloaded since the "
        "certificate changed, or another device ends TLS before the host"
    )
    return _Problem(f"another certificate, SHA-256 {answer.fingerprint}", remedy)


def _name_problem(answer: TlsAnswer, name: str) -> _Problem | None:
    if any(_matches(pattern, name) for pattern in answer.names):
        return None
    shown = ", ".join(answer.names) or "no name"
    return _Problem(f"a certificate for {shown}", f"use a certificate that names {name}")


def _date_problem(answer: TlsAnswer) -> _Problem | None:
    if answer.not_before <= answer.asked_at <= answer.not_after:
        return None
    span = f"{answer.not_before:%Y-%m-%d} to {answer.not_after:%Y-%m-%d}"
    return _Problem(
        f"a certificate valid {span}; today is {answer.asked_at:%Y-%m-%d}",
        "renew the certificate; if it is new, correct the clocks",
    )


@dataclass(frozen=True)
class ChainAnswer:
    """What a client that knows only roots has against the server; empty is right."""

    problem: str


@dataclass(frozen=True, kw_only=True)
class ChainQuestion(Question[ChainAnswer]):
    """Whether the server shows every certificate on the way to a root (RFC 8446 section 4.4.2).

    roots: in PEM, those of the site's own, beside the ones that this machine trusts.
    """

    service: Service
    name: str
    roots: str

    @property
    def want(self) -> str:
        """A chain that a client can follow."""
        return "a certificate chain from the host's own to a root"

    @property
    def remedy(self) -> str:
        """What is shown is what the file holds."""
        return (
            "append the intermediate certificates to the file that `tls.files.certificate` names; "
            "then apply again"
        )

    def judge(self, answer: ChainAnswer) -> tuple[Finding, ...]:
        """Judge what the client said."""
        return (
            self.failed(answer.problem) if answer.problem else self.passed("the chain is complete")
        )


@dataclass(frozen=True)
class OldTlsAnswer:
    """What came back for a ClientHello of TLS 1.1 at most. accepted: the version, or empty."""

    accepted: str
    words: str


@dataclass(frozen=True, kw_only=True)
class OldTlsQuestion(Question[OldTlsAnswer]):
    """Whether TLS 1.0 and 1.1 are refused."""

    service: Service

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    @property
    def want(self) -> str:
        """No agreement."""
        return "TLS 1.0 and 1.1 refused"

    @property
    def remedy(self) -> str:
        """Settings that something overrides."""
        return (
            "drop the settings that lower the TLS protocol under postfix or dovecot, then "
            "apply again"
        )

    def judge(self, answer: OldTlsAnswer) -> tuple[Finding, ...]:
        """Judge whether the server agreed."""
        if answer.accepted:
            return self.failed(f"{answer.accepted} was accepted")
        return self.passed(f"refused ({answer.words})")


@dataclass(frozen=True)
class InjectionAnswer:
    """What the server said inside TLS without being asked inside TLS; empty is right."""

    words: str


@dataclass(frozen=True, kw_only=True)
class InjectionQuestion(Question[InjectionAnswer]):
    """Whether a command that follows STARTTLS in the same packet is thrown away."""

    service: Service

    @property
    def negative(self) -> bool:
        """A refusal is wanted."""
        return True

    @property
    def want(self) -> str:
        """Silence after the handshake."""
        return "no answer to the injected command"

    @property
    def remedy(self) -> str:
        """Only a broken daemon does this."""
        return "update the daemon's package on the host: this version is open to STARTTLS injection"

    def judge(self, answer: InjectionAnswer) -> tuple[Finding, ...]:
        """Judge the silence."""
        return self.failed(answer.words) if answer.words else self.passed("no answer")


def _matches(pattern: str, name: str) -> bool:
    """Tell whether a certificate's name covers a host name (RFC 9525: one leftmost label)."""
    pattern, name = pattern.lower(), name.lower()
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return pattern == name
