"""From what the caller wrote to what the domain understands: the same names, without GraphQL."""

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import strawberry

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Decoded = TypeVar("Decoded", bound="DataclassInstance")


def decoded(input: object, kind: type[Decoded], **known: Any) -> Decoded:
    """What is left out or null has the default that the domain gives it."""
    values = _values(input, kind)
    return kind(**{name: value for name, value in values.items() if value is not None} | known)


def changes(input: object, kind: type[Decoded], **known: Any) -> Decoded:
    """What is left out stays unset; null is a value."""
    return kind(**_values(input, kind) | known)


def _values(input: object, kind: type["DataclassInstance"]) -> dict[str, Any]:
    values = ((name, getattr(input, name, strawberry.UNSET)) for name in _names(kind))
    return {name: value for name, value in values if value is not strawberry.UNSET}


@cache
def _names(kind: type["DataclassInstance"]) -> Sequence[str]:
    return [field.name for field in fields(kind)]
