"""How outcomes and verdicts look, to a person and to a program."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from provisioner.cli.several_sites import finding_id
from provisioner.cli.terminal import CROWD, ColouredLine, Shown, coloured, table
from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.names import DomainName
from provisioner.probes.finding import Finding, Status, Verdict
from provisioner.probes.way_out_findings import mail_cannot_leave
from provisioner.resources.change import Action
from provisioner.verbs.outcome import HostOutcome, HostStatus
from provisioner.verbs.run import Naming, by_key

# Which error decides when hosts failed differently: a person must act on the first.
_PRECEDENCE = (
    ExitCode.UNREACHABLE,
    ExitCode.REFUSED,
    ExitCode.INVALID_SITE,
    ExitCode.FAILED,
    ExitCode.GATE_CLOSED,
)


def exit_code_of(errors: Iterable[MailprovError]) -> ExitCode:
    """Return the exit code for several hosts' errors; OK if there is none."""
    codes = {error.exit_code for error in errors}
    return next((code for code in _PRECEDENCE if code in codes), ExitCode.OK)


def error_rows(errors: Iterable[MailprovError]) -> list[dict[str, str]]:
    """Return errors as JSON rows."""
    return [diagnostic.as_json() for error in errors for diagnostic in error.diagnostics]


def outcome_table(outcomes: Sequence[HostOutcome], name: Naming = by_key) -> list[str]:
    """Return the lines of the table that ends an apply; of a crowd, the eventful hosts."""
    told = outcomes if len(outcomes) <= CROWD else _eventful(outcomes)
    rows = [
        (
            name(outcome.host),
            outcome.status.value,
            str(len(outcome.changes)),
            outcome.generation or "-",
            _services(outcome),
        )
        for outcome in told
    ]
    shown = table(("HOST", "STATUS", "CHANGES", "GENERATION", "SERVICES"), rows) if rows else []
    if len(told) == len(outcomes):
        return shown
    counts = Counter(outcome.status.value for outcome in outcomes)
    words = ", ".join(f"{count} {status}" for status, count in counts.items())
    return [*shown, f"{len(outcomes)} hosts: {words}"]


def _eventful(outcomes: Sequence[HostOutcome]) -> list[HostOutcome]:
    quiet = {HostStatus.UNCHANGED, HostStatus.NOT_STARTED}
    return [outcome for outcome in outcomes if outcome.status not in quiet][: CROWD // 2]


def _services(outcome: HostOutcome) -> str:
    words = {Action.START: "started", Action.RESTART: "restarted", Action.RELOAD: "reloaded"}
    done = [
        f"{change.name.removesuffix('.service')} {words[change.action]}"
        for change in outcome.changes
        if change.kind == "unit" and change.action in words
    ]
    return ", ".join(done) or "-"


def outcome_json(outcome: HostOutcome) -> dict[str, object]:
    """Return one host's outcome as a JSON object."""
    return {
        "status": outcome.status.value,
        "generation": outcome.generation,
        "changes": [change.as_json() for change in outcome.changes],
        "kept": list(outcome.kept),
        "notices": list(outcome.notices),
        "errors": error_rows([outcome.error]) if outcome.error else [],
    }


def anything_changed(outcomes: Iterable[HostOutcome]) -> bool:
    """Tell whether an apply changed a host."""
    return any(outcome.status is HostStatus.CHANGED for outcome in outcomes)


def verdict_lines(
    verdict: Verdict, site: DomainName | None = None, *, everything: bool
) -> Iterator[Shown]:
    """Yield a verdict's lines: what is wrong in full, the rest counted.

    site: whose it is, where that is to be told. everything: name the probes that passed, too.
    """
    for status in (Status.PASSED, Status.SKIPPED, Status.WARNING, Status.FAILED):
        for finding in verdict.with_status(status):
            if status is Status.PASSED or (status is Status.SKIPPED and not everything):
                if everything:
                    yield _word(finding) + f"  {finding_id(finding.id, site)}"
            else:
                yield from _finding_lines(finding, finding_id(finding.id, site))
    counts = ", ".join(f"{verdict.counts[status]} {status.value}" for status in Status)
    stuck = mail_cannot_leave(verdict.findings)
    head = f"verify {site}" if site else "verify"
    yield f"{head}: {counts}" + (f"; mail cannot leave: {stuck}" if stuck else "")


def _word(finding: Finding) -> ColouredLine:
    return coloured(f"{finding.status.value:<7}", finding.status.value)


def _finding_lines(finding: Finding, identity: str) -> Iterator[Shown]:
    via = "" if finding.via in {"direct", "host"} else f" (asked through {finding.via})"
    yield _word(finding) + f"  {identity}: {finding.question}{via}"
    for label, text in (("got", finding.got), ("want", finding.want), ("fix", finding.remedy)):
        if text:
            first, *more = text.split("\n")
            yield f"         {label + ':':5} {first}"
            yield from (f"{'':15} {line}".rstrip() for line in more)
