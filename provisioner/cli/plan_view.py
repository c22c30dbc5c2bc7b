"""How what apply would change looks, to a person and to a program."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.cli.outcome import error_rows
from provisioner.cli.terminal import CROWD, Line, Shown, coloured
from provisioner.plan.change import Change, Plan
from provisioner.workflow.plan import SitePlan


def plan_json(survey: SitePlan) -> dict[str, object]:
    """Return what apply would change as a JSON document."""
    hosts = {
        host: {
            "generation": plan.generation.id,
            "changes": [change.as_json() for change in plan.changes],
            "notices": list(plan.generation.notices),
        }
        for host, plan in survey.plans.items()
    }
    return {"hosts": hosts, "errors": error_rows(survey.errors.values())}


def plan_lines(survey: SitePlan) -> Iterator[Shown]:
    """Yield what apply would change: notes, each host's changes with their diffs, the sum."""
    notices = [notice for plan in survey.plans.values() for notice in plan.generation.notices]
    for notice in dict.fromkeys(notices):
        yield f"note: {notice}"
    shown: dict[str, str] = {}
    for host, plan in survey.plans.items():
        if plan.pending:
            yield f"note: {host}: what {plan.pending.owner} applied is not confirmed yet"
        if plan.changes or len(survey.plans) <= CROWD:
            yield from _host_lines(host, plan, shown)
    if not survey.plans:
        return
    total = sum(len(plan.changes) for plan in survey.plans.values())
    hosts = len(survey.plans)
    yield f"{total} change{'' if total == 1 else 's'} on {hosts} host{'' if hosts == 1 else 's'}"
    if any(plan.drift for plan in survey.plans.values()):
        yield (
            "files were edited on the host since the last apply: apply refuses to undo that "
            "without --overwrite-drift, and leaves them alone with --keep-drift"
        )


def _host_lines(host: str, plan: Plan, shown: dict[str, str]) -> Iterator[Shown]:
    """Yield a host's lines; shown: which host each diff was shown for already."""
    if not plan.changes:
        yield f"{host}: nothing to change"
        return
    yield f"{host}: {plan.generation.platform.title}"
    packages = plan.missing_packages
    if packages:
        yield "  " + coloured("install", "create") + f" {' '.join(packages)}"
    for change in plan.transaction:
        if change.drift:
            what = f"{change.name} was edited on the host: {change.drift.what}"
            yield "  " + coloured("drift", "warning") + f" {what}"
            yield from _diff_lines(change.drift.diff)
        word = change.action.value
        yield "  " + coloured(word, word) + f" {_named(change)}"
        first = shown.setdefault(change.diff, host)
        if change.diff and first != host:
            yield f"    the same lines as on {first}"
        else:
            yield from _diff_lines(change.diff)


def _diff_lines(diff: str) -> Iterator[Shown]:
    # No other character than this ends a line of a file.
    for row in diff.removesuffix("\n").split("\n") if diff else ():
        yield "    " + _coloured_row(row)


def _named(change: Change) -> str:
    return f"{change.kind} {change.name}: {change.reason}"


def _coloured_row(row: str) -> Line:
    word = {"+": "create", "-": "remove"}.get(row[:1], "")
    return coloured(row, word)
