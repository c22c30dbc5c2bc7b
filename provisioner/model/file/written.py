"""What all written sections share.

Keys stay as they were written and values become typed: a rule that finds fault with a
section can then point at the very key. `None` means "not written" and is no value that
a file can give.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from provisioner.model.values import InvalidValueError, as_pydantic_error

Value = TypeVar("Value")


class Written(BaseModel):
    """A section of the file; unknown keys are errors."""

    # What stands in the wrong place may be a password: no error of pydantic shows its input.
    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True
    )


class Short:
    """Annotates a field that has a short form in text beside its full form.

    The text is converted and goes on as if the full form had been written, so that a
    mistake in either is told once (a union would tell it once for every form).
    """

    def __init__(self, full: Callable[[str], Any], **schema: object) -> None:
        self._full = full
        self._schema = schema or {"type": "string"}

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Convert a text; hand on all else untouched."""
        return core_schema.no_info_before_validator_function(self._expanded, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Accept either form."""
        return {"anyOf": [dict(self._schema), handler(schema)]}

    def _expanded(self, given: Any) -> Any:  # noqa: ANN401 pydantic hands over whatever was written
        if not isinstance(given, str):
            return given
        try:
            return self._full(given)
        except InvalidValueError as problem:
            raise as_pydantic_error(problem) from problem


class _OrOne:
    """Lets a list be written without brackets where it has one element."""

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_list, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


def _as_list(given: Any) -> Any:  # noqa: ANN401 pydantic hands over whatever was written
    return [given] if isinstance(given, (str, dict)) else given


OneOrMany = Annotated[tuple[Value, ...], _OrOne()]
"""A list, or its only element without the brackets."""
