"""The ground that every value type stands on.

A value type is a `str` that can only be made by `parse`, so that a function which
takes a `DomainName` never has to ask whether it is one.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class InvalidValueError(ValueError):
    """A text that is not what it should be: what was wanted, and how to get there."""

    def __init__(self, summary: str, *, want: str, fix: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.want = want
        self.fix = fix


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
        return core_schema.no_info_after_validator_function(
            cls._validated, core_schema.str_schema(strict=True)
        )

    @classmethod
    def _validated(cls, text: str) -> Self:
        if isinstance(text, cls):
            return text
        try:
            return cls.parse(text)
        except InvalidValueError as problem:
            raise as_pydantic_error(problem) from problem


def as_pydantic_error(problem: InvalidValueError) -> PydanticCustomError:
    """Return the error in pydantic's form; `want` and `fix` travel in its context."""
    return PydanticCustomError(
        "value", "{summary}", {"summary": problem.summary, "want": problem.want, "fix": problem.fix}
    )
