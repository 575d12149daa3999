"""An entity with a field of every kind, and one where each of them is optional."""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Enum,
    MetaData,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from domain.json_values import Json
from persistence.models import Model
from tests.factories import NOON

Mark = NewType("Mark", UUID)


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Colour(StrEnum):
    RED = "small"
    BLUE = "large"


SIZE = Enum(Size, name="size", native_enum=False, values_callable=lambda e: [m.value for m in e])


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    id: Mark
    name: str
    size: Size
    count: int
    share: float
    is_new: bool
    tags: list[Any]
    notes: dict[str, Any]
    content: Json
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MaybeThing:
    id: Mark | None
    name: str | None
    size: Size | None
    count: int | None
    share: float | None
    is_new: bool | None
    tags: list[Any] | None
    notes: dict[str, Any] | None
    content: Json | None
    seen_at: datetime | None


def thing_columns(*, nullable: bool) -> list[Column[Any]]:
    types: list[Any] = [Uuid, Text, SIZE, BigInteger, Double, Boolean, JSONB, JSONB, JSONB]
    names = [field.name for field in fields(Thing)]
    return [
        Column(name, kind, nullable=nullable)
        for name, kind in zip(names, [*types, DateTime(timezone=True)], strict=True)
    ]


TABLES = MetaData()
THINGS = Model(Thing, Table("things", TABLES, *thing_columns(nullable=False)))
MAYBES = Model(MaybeThing, Table("maybe_things", TABLES, *thing_columns(nullable=True)))
THING = Thing(
    id=Mark(UUID(int=1)),
    name="Ünï\n",
    size=Size.SMALL,
    count=-(2**63),
    share=0.1,
    is_new=True,
    tags=[],
    notes={},
    content={"a": [1, None]},
    seen_at=NOON,
)


def row_of(thing: Thing, **changes: object) -> tuple[object, ...]:
    """As the driver returns it."""
    (values,) = zip(*(THINGS.arrays([thing])).values(), strict=True)
    row = dict(zip([field.name for field in fields(Thing)], values, strict=True))
    return tuple((row | changes).values())
