"""Partial updates: a field left out (UNSET) stays as it is, a field that is None is cleared."""

import json
from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Unset(Enum):
    UNSET = "UNSET"


UNSET: Final = Unset.UNSET

Changes = TypeVar("Changes", bound="DataclassInstance")


def given(changes: "DataclassInstance") -> dict[str, Any]:
    """The fields that the caller named, with their values."""
    values = ((field.name, getattr(changes, field.name)) for field in fields(changes))
    return {name: value for name, value in values if value is not UNSET}


def difference(
    kind: type[Changes], before: "DataclassInstance", after: "DataclassInstance"
) -> Changes:
    """What has to change in `before` to make it `after`, of the fields that `kind` names."""
    names = (field.name for field in fields(kind))
    pairs = ((name, getattr(before, name), getattr(after, name)) for name in names)
    return kind(**{name: new for name, old, new in pairs if not same(old, new)})


def same(old: object, new: object) -> bool:
    """To Python true is 1 and 1 is 1.0; in a document they are three values."""
    if old == new and isinstance(new, dict | list):
        return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)
    return old == new


def shared(source: "DataclassInstance", kind: type["DataclassInstance"]) -> dict[str, Any]:
    """The fields of `source` that `kind` has as well."""
    names = {field.name for field in fields(kind)}
    return {
        field.name: getattr(source, field.name) for field in fields(source) if field.name in names
    }
