"""Partial updates: a field left out (UNSET) stays as it is, a field that is None is cleared."""

from dataclasses import fields
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Unset(Enum):
    UNSET = "UNSET"


UNSET: Final = Unset.UNSET


def given(changes: "DataclassInstance") -> dict[str, object]:
    """The fields that the caller named, with their values."""
    values = ((field.name, getattr(changes, field.name)) for field in fields(changes))
    return {name: value for name, value in values if value is not UNSET}
