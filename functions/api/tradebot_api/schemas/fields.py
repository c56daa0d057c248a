"""Types that schemas are made of: bounded text, ids, decimals as strings, instants in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

ItemT = TypeVar("ItemT")

#: Postgres' integer.
MAX_ID = 2_147_483_647
#: One line of text: no control characters (Postgres refuses NUL, logs should not be broken).
LINE_PATTERN = r"^[^\x00-\x1f\x7f]+$"
_DECIMAL_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"


class In(BaseModel):
    """A request's body: what it does not know, it refuses."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=False)


class Out(BaseModel):
    """A response's body, read from a row."""

    model_config = ConfigDict(from_attributes=True)


Id = Annotated[int, Field(ge=1, le=MAX_ID)]


#: No lax reading of "5", 5.0 or true as whole numbers.
WholeNumber = Annotated[int, Field(strict=True)]


def written_date(value: Any) -> Any:
    """Refuse a date or time that is not written as one: Pydantic would read a number as seconds since 1970."""
    if value is not None and not (isinstance(value, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value)):
        raise PydanticCustomError("datetime_type", "Input should be a date or a time as ISO 8601 writes it")
    return value


@dataclass(frozen=True, slots=True)
class DecimalRange:
    """Holds a decimal, which a request may give as a string (exact) or as a number, to a range and to its decimals."""

    most: Decimal
    places: int
    above: Decimal = Decimal(0)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the rule for Pydantic."""
        number = core_schema.decimal_schema(
            gt=self.above, le=self.most, decimal_places=self.places, allow_inf_nan=False
        )
        return core_schema.no_info_before_validator_function(_number_or_plain_text, number)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the rule for the OpenAPI document."""
        return {
            "anyOf": [
                {"type": "string", "pattern": rf"^[0-9]{{1,16}}(\.[0-9]{{1,{self.places}}})?$"},
                {"type": "number", "exclusiveMinimum": float(self.above), "maximum": float(self.most)},
            ],
            "description": f"Above {self.above}, at most {self.most:f}, at most {self.places} decimals."
            " Exact as a string.",
        }


#: What Decimal would also read, underscores, exponents, other scripts' digits, is not what is documented.
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


def _number_or_plain_text(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, str) and not _PLAIN_DECIMAL.fullmatch(value)):
        raise PydanticCustomError("decimal_parsing", "Input should be a number, or its plain digits in a string")
    return value


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


#: Digits without exponent or padding: "0.1", "-12", "60000".
DecimalOut = Annotated[
    Decimal,
    PlainSerializer(_plain, return_type=str),
    WithJsonSchema({"type": "string", "pattern": _DECIMAL_PATTERN}, mode="serialization"),
]


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_in_utc)]


class Page(Out, Generic[ItemT]):
    """One page of a list, newest first. Hand `next_cursor` back as `cursor` for the next; null at the end."""

    items: list[ItemT]
    next_cursor: str | None = Field(description="Null at the end of the list.")
