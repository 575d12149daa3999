"""What all kinds of values have in common, and how a value that cannot be stored is described."""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy.types import TypeEngine

INT64 = range(-(2**63), 2**63)


class Unstorable(Exception):
    """Its text is what cannot be stored: a type, or what is wrong with the value."""


class Kind:
    """Values that the driver takes and returns as they are, and what NULL stands for."""

    def __init__(self, python: type, column: type[TypeEngine[Any]], empty: object) -> None:
        self.name = python.__name__
        self.empty = empty
        self._python = python
        self._column = column

    def fits(self, column: TypeEngine[Any]) -> bool:
        return isinstance(column, self._column)

    def storable(self, value: object) -> object:
        """As Core takes it in `values`."""
        if type(value) is not self._python:
            raise Unstorable(said(value))
        return value

    def packed(self, value: object) -> object:
        """As an element of an array: what the driver itself takes."""
        return self.storable(value)

    def are_plain(self, values: Sequence[Any]) -> bool:
        """Whether they can be packed as they are, as far as a glance at all of them tells."""
        return self._are_of_the_type(values)

    def _are_of_the_type(self, values: Sequence[Any]) -> bool:
        return set(map(type, values)) <= {self._python}

    def read(self, value: object) -> object:
        if value is None:
            return self.empty
        if not isinstance(value, self._python):
            raise ValueError(f"{said(value)} is no {self.name}")
        return value

    def conversion(self, value: str, is_optional: bool) -> str:
        """What the loop does with the variable `value`; any exception makes it read slowly."""
        return "" if is_optional else f"if {value} is None: {value} = empty_{value}"

    def globals(self, value: str) -> dict[str, object]:
        return {f"empty_{value}": self.empty}

    def read_all(self, values: Iterable[Any]) -> Sequence[object]:
        return [self.read(value) for value in values]


def said(value: object) -> str:
    """Its type, and what is wrong with it where a value of that type may be right."""
    match value:
        case None:
            return "None"
        case float() if not math.isfinite(value):
            return str(value)
        case Decimal() if not value.is_finite():
            return str(value)
        case int() if value not in INT64:
            return "int beyond 64 bits"
        case str() if wrong := fault(value):
            return f"str with {wrong}"
    return type(value).__name__


def fault(text: str) -> str:
    """What no text in the database can hold."""
    if "\0" in text:
        return "NUL"
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return "half a character"
    return ""
