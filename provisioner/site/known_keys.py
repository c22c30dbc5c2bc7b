"""Which keys a section of the site file may have, found in the models themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from provisioner.model.file.written import Written
from provisioner.model.site_file import SiteFile


def known_fields(path: Iterable[str | int]) -> dict[str, FieldInfo]:
    """Return the keys of the section at a key path, with their descriptions.

    Empty where the section's keys are free, or the path leads to no section.
    """
    forms: list[Any] = [SiteFile]
    for step in path:
        forms = [inner for form in forms for inner in _step_into(form, step)]
    return {
        name: info
        for form in forms
        for section in _sections(form)
        for name, info in section.model_fields.items()
    }


def _step_into(form: Any, step: str | int) -> Iterator[Any]:  # noqa: ANN401 a type form is anything
    for part in _parts(form):
        if isinstance(part, type) and issubclass(part, Written):
            if step in part.model_fields:
                yield part.model_fields[str(step)].annotation
        elif get_origin(part) is dict:
            yield get_args(part)[1]
        elif get_origin(part) is tuple and isinstance(step, int):
            yield get_args(part)[0]


def _sections(form: Any) -> Iterator[type[Written]]:  # noqa: ANN401 as _step_into
    for part in _parts(form):
        if isinstance(part, type) and issubclass(part, Written):
            yield part
        elif get_origin(part) is tuple:
            yield from _sections(get_args(part)[0])


def _parts(form: Any) -> Iterator[Any]:  # noqa: ANN401 as _step_into
    """Yield a form without annotations, or the branches of a union."""
    if get_origin(form) in {dict, tuple} or not get_args(form):
        yield form
    elif hasattr(form, "__metadata__"):
        yield from _parts(get_args(form)[0])
    else:
        for branch in get_args(form):
            yield from _parts(branch)
