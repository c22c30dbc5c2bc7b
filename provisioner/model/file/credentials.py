"""Passwords and secrets as written: a hash, or where to find the secret.

No message about a secret shows any of it, not even the keys of a map that may be a
password somebody forgot to quote.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from provisioner.model.scalars import UNSAFE
from provisioner.model.secrets import PasswordHash, SecretReference
from provisioner.model.values import InvalidValueError, as_pydantic_error

_SOURCES = ("env", "file", "command")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WANT = "{env: VARIABLE}, {file: PATH} or {command: [program, argument]}"

REFERENCE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Reference to a secret: exactly one of env, file, command.",
    "properties": {
        "env": {"type": "string", "description": "Name of an environment variable."},
        "file": {"type": "string", "description": "Path, relative to the site file's folder."},
        "command": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 1,
            "description": "Program and arguments; its output is the secret. No shell.",
        },
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
    "examples": [{"env": "ALICE_PASSWORD"}],
}


def parse_reference(given: object) -> SecretReference:
    """Return the reference a map stands for; PydanticCustomError, free of secrets, if none."""
    if isinstance(given, SecretReference):
        return given
    if not isinstance(given, dict):
        shown = f"a text of {len(given)} characters" if isinstance(given, str) else "a list"
        raise _refused("a secret in the file", got=shown)
    if len(given) != 1 or next(iter(given)) not in _SOURCES:
        known = [key for key in given if key in _SOURCES]
        shown = " and ".join(known) if len(known) == len(given) > 1 else "a map with other keys"
        raise _refused("not a reference to a secret", got=shown if given else "an empty map")
    ((source, where),) = given.items()
    if source == "command":
        return SecretReference(source="command", value=_parse_command(where))
    if not isinstance(where, str) or not where or UNSAFE.search(where):
        raise _refused(f"`{source}` of a secret without a usable name", got="no such text")
    if source == "env" and not _VARIABLE.fullmatch(where):
        raise _refused(
            "not the name of an environment variable",
            got=f"a text of {len(where)} characters",
            want="letters, digits and _, like ALICE_PASSWORD",
        )
    return SecretReference(source=source, value=where)


def _parse_command(given: object) -> tuple[str, ...]:
    words = tuple(given) if isinstance(given, list) else ()
    if not words or not words[0] or not all(isinstance(word, str) for word in words):
        raise _refused(
            "not a command",
            got="a text"
            if isinstance(given, str)
            else "a list that is empty or contains other values than texts",
            want="a list of program and arguments, like [pass, show, mail/alice]",
        )
    return words


def _parse_password(given: Any) -> PasswordHash | SecretReference:  # noqa: ANN401 as pydantic gives it
    if not isinstance(given, str):
        return parse_reference(given)
    if isinstance(given, PasswordHash):
        return given
    try:
        return PasswordHash.parse(given)
    except InvalidValueError as problem:
        raise as_pydantic_error(problem) from problem


def _refused(summary: str, *, got: str, want: str = _WANT) -> PydanticCustomError:
    fix = "keep the secret elsewhere and write a reference, like {env: ALICE_PASSWORD}"
    return as_pydantic_error(InvalidValueError(summary, want=want, fix=fix, got=got))


WrittenSecret = Annotated[
    SecretReference, PlainValidator(parse_reference), WithJsonSchema(REFERENCE_SCHEMA)
]
WrittenPassword = Annotated[
    PasswordHash | SecretReference,
    PlainValidator(_parse_password),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "type": "string",
                    "pattern": "^\\{[A-Za-z0-9.-]+\\}.+",
                    "description": "A hash with its scheme, as `doveadm pw` prints it.",
                    "examples": ["{BLF-CRYPT}$2b$12$…"],
                },
                REFERENCE_SCHEMA,
            ]
        }
    ),
]
