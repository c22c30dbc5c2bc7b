"""`postfix`, `dovecot`, `unbound`: the escape hatches into the daemons' own syntax.

Values go to the daemon as they stand, so `$` expands. What is refused is what would
reach beyond the one parameter: control characters, and keys that are no names.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticKnownError

from provisioner.model.file.credentials import REFERENCE_SCHEMA, parse_reference
from provisioner.model.file.written import OneOrMany, Written
from provisioner.model.scalars import formed, parse_safe_text
from provisioner.model.secrets import HeldSecret
from provisioner.model.values import InvalidValueError, as_pydantic_error

PostfixKey = Annotated[
    str,
    formed(
        r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", "a Postfix parameter", "a name like message_size_limit"
    ),
]
PostfixService = Annotated[
    str,
    formed(
        r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}(/(inet|unix|fifo|unix-dgram|pass))?",
        "a service of master.cf",
        "a name like smtp or smtp/inet",
    ),
]
DovecotKey = Annotated[
    str,
    formed(
        r"[a-z][a-z0-9_]{0,127}|service/[a-z][a-z0-9-]{0,63}/[a-z][a-z0-9_]{0,63}",
        "a Dovecot setting",
        "a name like mail_max_lock_timeout or service/imap-login/service_count",
    ),
]
SECRET_KEY = "secret"  # noqa: S105 the key of the site file
UnboundKey = Annotated[
    str, formed(r"[a-z][a-z0-9-]{0,127}", "an Unbound option", "a name like cache-max-ttl")
]


def _parse_value(given: Any) -> str:  # noqa: ANN401 pydantic hands over whatever was written
    """Return a value in the daemon's own words; a `HeldSecret` for `{secret: REFERENCE}`."""
    if isinstance(given, dict):
        if set(given) != {SECRET_KEY}:
            raise as_pydantic_error(
                InvalidValueError(
                    "a map that is not a secret",
                    want="a text, or {secret: {env: VARIABLE}}",
                    fix="write the daemon's own syntax as one text",
                    got="a map with other keys" if given else "an empty map",
                )
            )
        return HeldSecret.of(parse_reference(given[SECRET_KEY]))
    if not isinstance(given, str):
        raise PydanticKnownError("string_type")
    try:
        return parse_safe_text(given)
    except InvalidValueError as problem:
        raise as_pydantic_error(problem) from problem


HatchValue = Annotated[
    str,
    PlainValidator(_parse_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {
                    "type": "object",
                    "description": (
                        "A secret: mailprov writes it into a file that only the daemon reads."
                    ),
                    "properties": {SECRET_KEY: REFERENCE_SCHEMA},
                    "required": [SECRET_KEY],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class WrittenPostfix(Written):
    """Parameters in Postfix's own words."""

    main: dict[PostfixKey, HatchValue] = Field({}, description="Parameters of main.cf.")
    master: dict[PostfixService, dict[PostfixKey, HatchValue]] = Field(
        {}, description="Parameters (-o) of services of master.cf."
    )


WrittenDovecot = dict[Literal["2.3", "2.4"], dict[DovecotKey, HatchValue]]


class WrittenUnbound(Written):
    """Options in Unbound's own words."""

    server: dict[UnboundKey, OneOrMany[HatchValue]] = Field(
        {}, description="Options of the server clause; an empty text or list removes a default."
    )
