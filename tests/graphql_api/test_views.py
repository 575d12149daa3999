"""A view matches its entity by attribute names alone: here they are held against each other."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import pytest
from graphql import GraphQLNonNull, GraphQLObjectType, build_schema, get_named_type
from strawberry.utils.str_converters import to_camel_case

from domain.json_values import Json
from graphql_api.schema import schema
from graphql_api.types.view import View

EXPORTED = build_schema(schema.as_str())
SCALARS: dict[Any, set[str]] = {
    str: {"String"},
    int: {"Int", "BigInt"},
    float: {"Float"},
    bool: {"Boolean"},
    datetime: {"DateTime"},
    UUID: {"ID"},
    Json: {"JSON"},
    list[str]: {"String"},
}


def _shown(view: type[View]) -> GraphQLObjectType:
    kind = EXPORTED.type_map[view.__name__]
    assert isinstance(kind, GraphQLObjectType)
    return kind


def _names(annotation: Any) -> set[str]:
    known = SCALARS.get(getattr(annotation, "__supertype__", annotation))
    if known is not None:
        return known
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return {annotation.__name__}
    if get_origin(annotation) in (Sequence, tuple):
        return _names(get_args(annotation)[0])
    if views := {view.__name__ for view in View.__subclasses__() if view.entity is annotation}:
        return views
    raise AssertionError(f"how is {annotation} shown?")


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) not in (Union, UnionType) or annotation == Json:
        return annotation, False
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    optional = type(None) in get_args(annotation)
    return (kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]), optional  # noqa: UP007


@pytest.mark.parametrize("view", View.__subclasses__(), ids=lambda view: view.__name__)
def test_a_view_shows_or_hides_each_field_of_its_entity(view: type[View]) -> None:
    fields = {field.name for field in dataclasses.fields(view.entity)}
    shown = {name for name in fields if to_camel_case(name) in _shown(view).fields}

    assert view.hidden <= fields
    assert shown | view.hidden == fields


@pytest.mark.parametrize("view", View.__subclasses__(), ids=lambda view: view.__name__)
def test_what_is_shown_has_the_type_that_the_entity_has(view: type[View]) -> None:
    hints = get_type_hints(view.entity)

    for name in hints.keys() - view.hidden:
        field = _shown(view).fields[to_camel_case(name)]
        kind, optional = _without_none(hints[name])
        assert get_named_type(field.type).name in _names(kind), name
        assert isinstance(field.type, GraphQLNonNull) is not optional, name
