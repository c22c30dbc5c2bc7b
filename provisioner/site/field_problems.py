"""From pydantic's errors to problems that a person can act on.

One mistake becomes one problem. The models raise errors with `want` and `fix` of their
own for values; here are the words for what pydantic itself finds: missing and unknown
keys, and the wrong kind of value. Such a value is described and never shown, because
what stands in the wrong place may be a password.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from provisioner.diagnostics import quoted
from provisioner.model.file.written import Written
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.site_file import SiteFile
from provisioner.site.nodes import YamlMap, find_spot

_SERVICES = {("submission",), ("imap",), ("pop3",)}
_OFF = frozenset({"off", "no", "false", "none", "disabled", "disable", "0"})
_ON = frozenset({"on", "yes", "true", "enabled", "enable", "1"})
_KINDS = {
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
}


def explain_errors(errors: Iterable[ErrorDetails], top: YamlMap) -> Iterator[SiteProblem]:
    """Yield a problem for each of pydantic's errors about the tree."""
    return (_explained(details, top) for details in errors)


def _explained(details: ErrorDetails, top: YamlMap) -> SiteProblem:
    loc, kind = details["loc"], details["type"]
    at_key = bool(loc) and loc[-1] == "[key]"
    path = find_spot(top, loc[:-1] if at_key else loc).path
    if kind == "missing":
        return _missing(path, str(loc[-1]))
    if kind == "extra_forbidden":
        return _unknown(path, str(loc[-1]))
    return _wrong_value(path, details, at_key=at_key)


def _wrong_value(path: KeyPath, details: ErrorDetails, *, at_key: bool) -> SiteProblem:
    kind, given = details["type"], details["input"]
    context: Mapping[str, Any] = details.get("ctx", {})
    if kind == "value":
        got = context.get("got", quoted(given) if isinstance(given, str) else describe(given))
        return SiteProblem(
            path, context["summary"], got, context["want"], context["fix"], at_key=at_key
        )
    if kind in {"literal_error", "enum"}:
        return _no_choice(path, context, given, at_key=at_key)
    if kind in _KINDS:
        return _wrong_kind(path, _KINDS[kind], given)
    return SiteProblem(path, details["msg"], describe(given), _wanted(path), "correct the value")


def describe(value: object) -> str:
    """Return what kind of value something is, without showing it."""
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if value else "an empty text"
    if isinstance(value, dict):
        return "a map"
    return "a list" if isinstance(value, (list, tuple)) else "nothing"


def _missing(path: KeyPath, key: str) -> SiteProblem:
    info = _known_fields(path).get(key)
    want = (info.description if info else "") or key
    where = f" to {'.'.join(map(str, path))}" if path else ""
    return SiteProblem(
        path,
        f"the key `{key}` is missing",
        f"no `{key}`",
        want,
        f"add `{key}:`{where}",
        at_key=True,
    )


def _unknown(path: KeyPath, key: str) -> SiteProblem:
    known = list(_known_fields(path[:-1]))
    near = get_close_matches(key, known, n=1, cutoff=0.6)
    return SiteProblem(
        path,
        "an unknown key",
        got=quoted(key),
        want=f"one of {', '.join(known)}",
        fix=f"write {near[0]}" if near else "remove it, or correct its name",
        at_key=True,
    )


def _no_choice(
    path: KeyPath, context: Mapping[str, Any], given: object, *, at_key: bool
) -> SiteProblem:
    choices = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
    if not isinstance(given, str):
        return _wrong_kind(path, "a text", given)
    near = get_close_matches(given.lower(), choices, n=1, cutoff=0.5)
    what = ".".join(str(step) for step in path if isinstance(step, str)) or "this key"
    return SiteProblem(
        path,
        f"not a word that {what} knows" if not at_key else "an unknown name",
        got=quoted(given),
        want=f"one of {', '.join(choices)}" if len(choices) > 1 else choices[0],
        fix=f"write {near[0]}" if near else f"write {choices[0]}, for example",
        at_key=at_key,
    )


def _wrong_kind(path: KeyPath, wanted: str, given: object) -> SiteProblem:
    if isinstance(given, str) and path in _SERVICES and wanted == "a map":
        return _switch_of_a_service(path, given)
    keys = list(_known_fields(path))
    with_keys = f" with some of the keys {', '.join(keys)}" if keys and wanted == "a map" else ""
    article = describe(given).partition(" of ")[0]
    return SiteProblem(
        path,
        f"{article} where {wanted} is wanted",
        got=describe(given),
        want=wanted + with_keys,
        fix=_FIXES[wanted],
    )


def _switch_of_a_service(path: KeyPath, given: str) -> SiteProblem:
    name = path[0]
    off = given.lower() in _OFF
    if off and name != "submission":
        fix = f"write `{name}: {{ports: []}}`, which switches it off"
    elif off:
        fix = "remove it: without it nobody could send mail"
    else:
        fix = "remove it: the service is on" if given.lower() in _ON else "write {ports: [...]}"
    return SiteProblem(
        path,
        "a service is switched on or off by its ports",
        got=quoted(given) if off or given.lower() in _ON else describe(given),
        want="a map, like {ports: []}" if name != "submission" else "a map, like {ports: [465]}",
        fix=fix,
    )


def _wanted(path: KeyPath) -> str:
    info = _known_fields(path[:-1]).get(str(path[-1])) if path else None
    return (info.description if info else None) or "a value"


_FIXES = {
    "a text": "write a single value",
    "a list": "write [first, second], or one element a line after `- `",
    "a map": "write {key: value}, or one indented `key: value` a line",
}


def _known_fields(path: Iterable[str | int]) -> dict[str, FieldInfo]:
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
