"""A site file in, a `Site` out, or every mistake that is in the file.

Reading goes through four steps: octets to text, text to a tree with places, tree to a
typed `SiteFile`, `SiteFile` to `Site`. Each step reports all it can; the rules between
sections are judged even where other sections have mistakes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.model.problems import InvalidSiteError, SiteProblem
from provisioner.model.reading import Reading
from provisioner.model.resolve import resolve_site
from provisioner.model.rules import judge_site
from provisioner.model.site import Site
from provisioner.model.site_file import SiteFile
from provisioner.model.tutorial_habits import note_habits
from provisioner.model.warnings import warn_site
from provisioner.rooms.registry import hatch_rules
from provisioner.site.field_problems import explain_errors
from provisioner.site.nodes import YamlMap
from provisioner.site.places import in_order, told_by_model, told_by_yaml
from provisioner.site.yaml_reader import read_yaml
from provisioner.site.yaml_text import MAX_OCTETS, decode_text, too_large

# Where a required section is not well-formed, rules that do not read it are still asked.
_STAND_INS = {
    "domain": "stand-in.invalid",
    "hosts": {"stand-in": {"address": "192.0.2.1"}},
    "users": {"stand-in": {"password": {"env": "STAND_IN"}}},
}


@dataclass(frozen=True)
class LoadedSite:
    """A valid site, and what is worth a warning or a note in its file."""

    site: Site
    warnings: tuple[Diagnostic, ...]
    path: Path


def load_site(path: Path) -> LoadedSite:
    """Return the site of a file; MailprovError (invalid site) with every mistake in it.

    Where the only one is a platform that nobody knows, the error is a refusal.
    A file that is missing or cannot be read is an invalid site as well.
    """
    return parse_site(read_octets(path), str(path))


def read_octets(path: Path) -> bytes:
    """Return what a site file holds, or a little more than it may; MailprovError as `load_site`.

    A file that is known to be too large is refused unread.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > MAX_OCTETS:
                raise MailprovError(too_large(str(path)), ExitCode.INVALID_SITE)
            return file.read(MAX_OCTETS + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise MailprovError(_unreadable(path, error), ExitCode.INVALID_SITE) from error


def parse_site(octets: bytes, name: str) -> LoadedSite:
    """Return the site that the octets of a file describe; MailprovError as `load_site`.

    name: of the file, for the places in messages.
    """
    text, unfit = decode_text(octets, name)
    if unfit:
        raise MailprovError(unfit, ExitCode.INVALID_SITE)
    document = read_yaml(text)
    found = [told_by_yaml(problem) for problem in document.problems]
    if document.top is None:
        raise MailprovError(in_order(found, name), ExitCode.INVALID_SITE)
    top = document.top
    spoilt = {str(problem.path[0]) for problem in document.problems if problem.path}
    file, problems = _validated(top, spoilt)
    reading = None if file is None else Reading(file, hatch_rules())
    site: Site | None = None
    code = ExitCode.INVALID_SITE
    if reading is not None and not document.problems:
        platforms = list(_judge_platforms(reading.file))
        try:
            site = resolve_site(reading)
        except InvalidSiteError as error:
            problems += error.problems
        if platforms and not problems:
            code = ExitCode.REFUSED  # all else is well; whoever knows the host has to decide
        problems += platforms
    if site is None or reading is None or problems:
        taken = {mark for mark, _ in found}
        placed = [told_by_model(problem, top) for problem in problems]
        found += [(mark, told) for mark, told in placed if mark not in taken]
        raise MailprovError(in_order(found, name), code)
    warnings = [told_by_model(warning, top) for warning in warn_site(reading)]
    notes = [told_by_model(note, top) for note in note_habits(reading, site)]
    told = (*in_order(warnings, name, "warning: "), *in_order(notes, name, "note: "))
    return LoadedSite(site, told, Path(name))


def _validated(top: YamlMap, spoilt: set[str]) -> tuple[SiteFile | None, list[SiteProblem]]:
    """Return the typed file, or None and what is wrong with it.

    spoilt: sections in which the reader refused something already.
    """
    try:
        file = SiteFile.model_validate(top)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = list(explain_errors(details, top))
        spoilt = spoilt | {str(detail["loc"][0]) for detail in details if detail["loc"]}
    else:
        if not spoilt:
            return file, []
        problems = []
    return None, [*problems, *_judged_in_part(top, spoilt)]


def _judged_in_part(top: YamlMap, spoilt: set[str]) -> Iterable[SiteProblem]:
    """Return what the rules say about the sections that are well-formed."""
    sound = {key: value for key, value in top.items() if key not in spoilt}
    missing = {key for key in _STAND_INS if key not in sound}
    try:
        file = SiteFile.model_validate(_STAND_INS | sound)
    except ValidationError:
        return ()
    platforms = () if "hosts" in spoilt | missing else _judge_platforms(file)
    return (*judge_site(Reading(file, hatch_rules()), spoilt | missing), *platforms)


def _unreadable(path: Path, error: OSError | ValueError) -> Diagnostic:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Diagnostic(
        summary="mailprov cannot read the site file",
        where=str(path),
        got=reason or type(error).__name__,
        want="a readable site file",
        fix="give the file after the verb, like `mailprov validate site.yaml`",
    )


def _judge_platforms(file: SiteFile) -> Iterator[SiteProblem]:
    """Yield a problem for each host whose `platform` no record has."""
    named = [(key, host.platform) for key, host in file.hosts.items() if host.platform]
    if not named:
        return
    # Few sites name one, and to read the records takes a while.
    from provisioner.platforms.records import platform_named  # noqa: PLC0415 see above

    for key, name in named:
        try:
            platform_named(name)
        except MailprovError as error:
            told = error.diagnostics[0]
            yield SiteProblem(
                ("hosts", key, "platform"), told.summary, told.got, told.want, told.fix
            )
