"""The declarative base: naming convention, column types of money and percentages, and the makers of CHECK rules.

No engine is made here, and no query lives in this package.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, TypeVar

from sqlalchemy import CheckConstraint, DateTime, Enum, FetchedValue, Float, Identity, Integer, MetaData, Numeric, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

StrEnumT = TypeVar("StrEnumT", bound=StrEnum)

NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

#: Prices, quantities and amounts of money.
Money = Annotated[Decimal, mapped_column(Numeric(28, 12))]
#: 2 means 2 %.
Percentage = Annotated[Decimal, mapped_column(Numeric(9, 4))]
Id = Annotated[int, mapped_column(Integer, Identity(), primary_key=True)]
CreatedAt = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]
#: A trigger sets it on every UPDATE; the ORM sets it too, so that it knows that its copy is stale.
UpdatedAt = Annotated[
    datetime,
    mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now(), server_onupdate=FetchedValue()
    ),
]


class Base(DeclarativeBase):
    """Parent of every table."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        # None is SQL's NULL, not the JSON word null.
        dict[str, Any]: JSONB(none_as_null=True),
        list[dict[str, Any]]: JSONB(none_as_null=True),
        float: Float(53),
    }


def one_of(values: type[StrEnumT], length: int = 32) -> Enum:
    """Return the column type of a StrEnum: text in the database, held to its values by `known_values`."""
    return Enum(
        values,
        native_enum=False,
        create_constraint=False,
        length=length,
        values_callable=lambda enumeration: [member.value for member in enumeration],
    )


def known_values(column: str, values: type[StrEnum]) -> CheckConstraint:
    """Return the CHECK that holds `column` to the values of its StrEnum."""
    listed = ", ".join(f"'{member.value}'" for member in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def positive(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return CHECKs for amounts above zero. NaN is greater than every number in Postgres, so it is named."""
    return tuple(
        CheckConstraint(f"{column} > 0 AND {column} <> 'NaN'", name=f"{column}_positive") for column in columns
    )


def not_negative(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return CHECKs for amounts of zero or more that are not NaN."""
    return tuple(
        CheckConstraint(f"{column} >= 0 AND {column} <> 'NaN'", name=f"{column}_not_negative") for column in columns
    )


def number(*columns: str) -> tuple[CheckConstraint, ...]:
    """Return CHECKs for amounts of either sign that are not NaN."""
    return tuple(CheckConstraint(f"{column} <> 'NaN'", name=f"{column}_number") for column in columns)


def between(column: str, low: str, high: str) -> CheckConstraint:
    """Return the CHECK `low <= column <= high`, which NaN fails too."""
    return CheckConstraint(f"{column} >= {low} AND {column} <= {high}", name=f"{column}_range")


def percentage(column: str, most: str) -> CheckConstraint:
    """Return the CHECK `0 < column <= most`, which NaN fails too."""
    return CheckConstraint(f"{column} > 0 AND {column} <= {most}", name=f"{column}_range")
