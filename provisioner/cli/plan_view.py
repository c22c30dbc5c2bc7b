"""How what apply would change looks, to a person and to a program."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from provisioner.cli.outcome_view import error_rows
from provisioner.cli.phase_view import planned_phase_json, planned_phase_lines
from provisioner.cli.several_sites import note_of
from provisioner.cli.terminal import CROWD, ColouredLine, Shown, coloured
from provisioner.plan.change import Plan
from provisioner.resources.change import Change
from provisioner.verbs.plan import SitePlan
from provisioner.verbs.run import Naming, by_key

_ALIKE = 3
"""From so many on, changes that are alike are one line of a concise plan."""


def plan_json(survey: SitePlan) -> dict[str, object]:
    """Return what apply would change as a JSON document."""
    hosts = {
        ref.host: {
            "generation": plan.name,
            "changes": [change.as_json() for change in plan.changes],
            "notices": list(plan.generation.notices),
            "ends": list(plan.ends),
        }
        for ref, plan in survey.plans.items()
    }
    return {
        "hosts": hosts,
        "phases": [planned_phase_json(phase) for phase in survey.phases],
        "errors": error_rows(survey.errors.values()),
    }


def plan_lines(
    survey: SitePlan, name: Naming = by_key, *, concise: bool = False
) -> Iterator[Shown]:
    """Yield what apply would change: notes, each host's changes with their diffs, the sum.

    concise: without the diffs, one line a change; where many are alike, one line for them.
    """
    notices = [
        note_of(ref.site, notice, name)
        for ref, plan in survey.plans.items()
        for notice in plan.generation.notices
    ]
    yield from dict.fromkeys(notices)
    shown: dict[str, str] = {}
    for ref, plan in survey.plans.items():
        host = name(ref)
        if plan.pending:
            yield f"note: {host}: the change by {plan.pending.owner} is not confirmed yet"
        if plan.changes or len(survey.plans) <= CROWD:
            yield from _head_lines(host, plan)
            changes = plan.transaction
            yield from _brief_lines(changes) if concise else _full_lines(host, changes, shown)
    if not survey.plans:
        return
    total = sum(len(plan.changes) for plan in survey.plans.values())
    hosts = len(survey.plans)
    yield f"{total} change{'' if total == 1 else 's'} on {hosts} host{'' if hosts == 1 else 's'}"
    yield from planned_phase_lines(survey.phases, name)
    if any(plan.drift for plan in survey.plans.values()):
        yield (
            "files were edited on the host since the last apply: use --overwrite-drift "
            "to overwrite the edits, or --keep-drift to keep them"
        )
    if any(plan.ends for plan in survey.plans.values()):
        yield "apply ends a mail server only with --replace-mail-server"


def _head_lines(host: str, plan: Plan) -> Iterator[Shown]:
    if not plan.changes:
        yield f"{host}: nothing to change"
        return
    yield f"{host}: {plan.generation.platform.title}"
    if plan.ends:
        yield "  " + coloured("ends", "warning") + " the mail server that works there:"
        for line in plan.ends:
            yield f"    {line}"
    packages = plan.missing_packages
    if packages:
        yield "  " + coloured("install", "create") + f" {' '.join(packages)}"


def _full_lines(host: str, changes: Iterable[Change], shown: dict[str, str]) -> Iterator[Shown]:
    """Yield changes with their diffs; shown: which host each diff was shown for already."""
    for change in changes:
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


def _brief_lines(changes: Iterable[Change]) -> Iterator[Shown]:
    alike: dict[tuple[str, ...], list[Change]] = {}
    for change in changes:
        alike.setdefault(_likeness(change), []).append(change)
    for group in alike.values():
        if len(group) >= _ALIKE:
            yield _brief(group[0], _all_of(group))
        else:
            yield from (
                _brief(one, f"{one.kind} {one.name}: {one.reason}{_size([one])}") for one in group
            )


def _likeness(change: Change) -> tuple[str, ...]:
    """Return what is the same of changes that one line can tell of; drift is told by itself."""
    folder = change.name.rpartition("/")[0]
    alone = change.name if change.drift or not folder else ""
    return (change.action.value, change.kind, change.reason, folder, alone)


def _all_of(group: Sequence[Change]) -> str:
    one = group[0]
    kinds = f"{one.kind.removesuffix('y')}{'ies' if one.kind.endswith('y') else 's'}"
    return f"{len(group)} {kinds} in {one.name.rpartition('/')[0]}: {one.reason}{_size(group)}"


def _brief(change: Change, text: str) -> ColouredLine:
    word = change.action.value
    line = "  " + coloured(word, word) + f" {text}"
    if change.drift:
        line += coloured(f"; edited on the host: {change.drift.what}", "warning")
    return line


def _size(group: Iterable[Change]) -> str:
    """Return how many lines of files come and go, as `diff --stat` does."""
    rows = [row for one in group for row in one.diff.split("\n")[2:]]
    come, gone = (sum(row.startswith(mark) for row in rows) for mark in "+-")
    counts = " ".join(text for text, count in ((f"+{come}", come), (f"-{gone}", gone)) if count)
    return f" ({counts})" if counts else ""


def _diff_lines(diff: str) -> Iterator[Shown]:
    # No other character than this ends a line of a file.
    for row in diff.removesuffix("\n").split("\n") if diff else ():
        yield "    " + _coloured_row(row)


def _named(change: Change) -> str:
    return f"{change.kind} {change.name}: {change.reason}"


def _coloured_row(row: str) -> ColouredLine:
    word = {"+": "create", "-": "remove"}.get(row[:1], "")
    return coloured(row, word)
