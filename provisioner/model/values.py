"""The ground that every value type stands on.

A value type is a `str` that can only be made by `parse`, so that a function which
takes a `DomainName` never has to ask whether it is one. Types of the standard library
(addresses, networks, integers) get the same treatment from `Parsed`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema


class InvalidValueError(ValueError):
    """A text that is not what it should be: what was wanted, and how to get there.

    got: what may be shown of the text, where the text itself must not be (a secret).
    """

    def __init__(self, summary: str, *, want: str, fix: str = "", got: str | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.want = want
        self.fix = fix
        self.got = got


class TextValue(str):
    """A string with a meaning and a canonical form."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the canonical value of text; raise InvalidValueError if it has none."""
        raise NotImplementedError

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate through `parse`; a value that is already of this type passes as it is."""
        return core_schema.no_info_plain_validator_function(cls._validated)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the type as a string: what is in it, `parse` knows."""
        return {"type": "string"}

    @classmethod
    def _validated(cls, given: object) -> Self:
        if isinstance(given, cls):
            return given
        if not isinstance(given, str):
            raise PydanticKnownError("string_type")
        try:
            return cls.parse(given)
        except InvalidValueError as problem:
            raise as_pydantic_error(problem) from problem


def as_pydantic_error(problem: InvalidValueError) -> PydanticCustomError:
    """Return the error in pydantic's form; `got`, `want` and `fix` travel in its context."""
    context = {"summary": problem.summary, "want": problem.want, "fix": problem.fix}
    if problem.got is not None:
        context["got"] = problem.got
    return PydanticCustomError("value", "{summary}", context)


class Parsed:
    """Annotates a field that takes a text, and nothing else, through a parse function.

    schema: the field in JSON Schema, for readers that type scalars themselves.
    """

    def __init__(self, parse: Callable[[str], object], **schema: object) -> None:
        self._parse = parse
        self._schema = schema or {"type": "string"}

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate through the parse function alone."""
        return core_schema.no_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the field as it may be written."""
        return dict(self._schema)

    def _validated(self, given: object) -> object:
        if not isinstance(given, str):
            raise PydanticKnownError("string_type")
        try:
            return self._parse(given)
        except InvalidValueError as problem:
            raise as_pydantic_error(problem) from problem
