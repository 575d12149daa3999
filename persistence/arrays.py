"""Many keys or rows in one statement, whose text stays the same however many they are."""

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    CTE,
    Column,
    ColumnElement,
    Enum,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert, insert
from sqlalchemy.types import TypeEngine

from persistence.models import Entity, Model

Key = TypeVar("Key")


def among(column: ColumnElement[Key], keys: Collection[Key]) -> ColumnElement[bool]:
    return column == any_(bindparam(None, list(keys), type_=ARRAY(column.type)))


def among_given(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """The keys are the parameter `name` of a statement that is kept."""
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def unnested(*columns: Column[Any]) -> CTE:
    """The rows that `parameters` binds, or `bound`, as a table."""
    arrays = [bindparam(_name(c.key), type_=ARRAY(_element_type(c))) for c in columns]
    names = [column(c.key, _element_type(c)) for c in columns]
    rows = func.unnest(*arrays).table_valued(*names).render_derived()
    return select(*(cast(rows.c[c.key], c.type).label(c.key) for c in columns)).cte("given")


def bound(**values: list[Any]) -> dict[str, list[Any]]:
    """The values of columns that `unnested` names."""
    return {_name(key): each for key, each in values.items()}


def parameters(model: Model[Entity], entities: Sequence[Entity]) -> dict[str, list[object]]:
    return bound(**model.arrays(entities))


def insertion(model: Model[Any], *, order: Sequence[str]) -> Insert:
    """Of the rows that `parameters` binds; all writers touch them in one order: no deadlocks."""
    given = unnested(*model.columns)
    rows = select(given).order_by(*(given.c[name] for name in order))
    return insert(model.table).from_select(list(given.c.keys()), rows)


def _name(key: str) -> str:
    return f"each_{key}"  # a bare name is taken by Core for the column's one new value


def _element_type(column: Column[Any]) -> TypeEngine[Any]:
    return Text() if isinstance(column.type, Enum | JSONB) else column.type
