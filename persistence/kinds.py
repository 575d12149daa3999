"""How the values of each Python type are stored and read, and in which columns."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Boolean, DateTime, Double, Enum, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from domain.ids import NIL

_INT64 = range(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDLESS = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})


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
            raise Unstorable(_type_of(value))
        return value

    def packed(self, value: object) -> object:
        """As an element of an array: what the driver itself takes."""
        return self.storable(value)

    def read(self, value: object) -> object:
        if value is None:
            return self.empty
        if not isinstance(value, self._python):
            raise ValueError(f"{_type_of(value)} is no {self.name}")
        return value

    def conversion(self, value: str, is_optional: bool) -> str:
        """What the loop does with the variable `value`; any exception makes it read slowly."""
        return "" if is_optional else f"if {value} is None: {value} = empty_{value}"

    def globals(self, value: str) -> Mapping[str, object]:
        return {f"empty_{value}": self.empty}


class _Ids(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, UUID):
            raise Unstorable(_type_of(value))
        return value


class _Texts(Kind):
    def storable(self, value: object) -> object:
        if type(value) is not str:
            raise Unstorable(_type_of(value))
        if "\0" in value:
            raise Unstorable("str with NUL")
        if not value.isascii() and not _is_unicode(value):
            raise Unstorable("str with half a character")
        return value


class _Integers(Kind):
    def storable(self, value: object) -> object:
        if type(value) is not int:
            raise Unstorable(_type_of(value))
        if value not in _INT64:
            raise Unstorable("int beyond 64 bits")
        return value


class _Floats(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, float | int) or isinstance(value, bool):
            raise Unstorable(_type_of(value))
        try:
            number = float(value)
        except OverflowError:
            raise Unstorable("int beyond a float") from None
        if not math.isfinite(number):
            raise Unstorable(str(number))
        return number


class _Times(Kind):
    """A NULL is the epoch: visibly unset, aware, and older than whatever is compared with it."""

    def fits(self, column: TypeEngine[Any]) -> bool:
        return isinstance(column, DateTime) and column.timezone

    def storable(self, value: object) -> object:
        if not isinstance(value, datetime):
            raise Unstorable(_type_of(value))
        if value.utcoffset() is None:
            raise Unstorable("datetime without a timezone")
        try:
            moment = value.astimezone(UTC)
        except OverflowError:
            raise Unstorable("datetime beyond the calendar") from None
        if moment in _ENDLESS:  # the driver takes these two for infinity
            raise Unstorable("datetime beyond the calendar")
        return moment

    def read(self, value: object) -> object:
        moment = super().read(value)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            raise ValueError("infinity is no moment")
        return moment


class _Documents(Kind):
    """Objects, lists or both; they come from the driver as text."""

    def __init__(self, types: frozenset[type]) -> None:
        super().__init__(dict if dict in types else list, JSONB, None)
        self.name = " | ".join(sorted(kind.__name__ for kind in types))
        self._types = types

    def storable(self, value: object) -> object:
        self.packed(value)
        return value

    def packed(self, value: object) -> object:
        if type(value) not in self._types:
            raise Unstorable(_type_of(value))
        text = _json(value)
        if text is None:
            raise Unstorable(_culprit(value))
        return text

    def read(self, value: object) -> object:
        document = orjson.loads(value) if isinstance(value, str) else value
        if document is None:
            return self._python()
        if type(document) not in self._types:
            raise ValueError(f"{_type_of(document)} is no {self.name}")
        return document

    def conversion(self, value: str, is_optional: bool) -> str:
        empty = "{}" if self._python is dict else "[]"
        otherwise = f"elif {value} is not None:" if is_optional else "else:"
        return (
            f'if {value} == "{empty}": {value} = {empty}\n'
            f"{otherwise}\n"
            f"    {value} = loads({value})\n"
            f"    if {value}.__class__ not in types_{value}: raise TypeError"
        )

    def globals(self, value: str) -> Mapping[str, object]:
        return {"loads": orjson.loads, f"types_{value}": tuple(self._types)}


class _Choices(Kind):
    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__(choices, Enum, None)
        self._members = {member.value: member for member in choices}

    def fits(self, column: TypeEngine[Any]) -> bool:
        return (
            isinstance(column, Enum)
            and column.enum_class is self._python
            and column.enums == list(self._members)
        )

    def packed(self, value: object) -> object:
        choice = self.storable(value)
        return choice.value if isinstance(choice, StrEnum) else choice

    def read(self, value: object) -> object:
        if not isinstance(value, str) or value not in self._members:
            raise ValueError(f"{value!r} is no {self.name}")
        return self._members[value]

    def conversion(self, value: str, is_optional: bool) -> str:
        member = f"{value} = members_{value}[{value}]"
        return f"if {value} is not None: {member}" if is_optional else member

    def globals(self, value: str) -> Mapping[str, object]:
        return {f"members_{value}": self._members}


class _Unknown(Kind):
    def __init__(self, hint: object) -> None:
        super().__init__(object, TypeEngine, None)
        self.name = str(hint)

    def fits(self, column: TypeEngine[Any]) -> bool:
        return False


_KINDS: Mapping[object, Kind] = {
    UUID: _Ids(UUID, Uuid, NIL),
    str: _Texts(str, Text, ""),
    int: _Integers(int, BigInteger, 0),
    float: _Floats(float, Double, 0.0),
    bool: Kind(bool, Boolean, False),
    datetime: _Times(datetime, DateTime, _EPOCH),
}


def kind_of(hint: object) -> tuple[Kind, bool]:
    """And whether None is allowed."""
    hint = _unwrapped(hint)
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    types = [_unwrapped(member) for member in members if member is not NoneType]
    return _kind(types), len(types) < len(members)


def _unwrapped(hint: object) -> object:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return get_origin(hint) if get_origin(hint) in (dict, list) else hint


def _kind(types: list[object]) -> Kind:
    documents = frozenset(kind for kind in types if kind is dict or kind is list)
    if types and len(documents) == len(types):
        return _Documents(documents)
    if len(types) != 1:
        return _Unknown(" | ".join(map(str, types)))
    (only,) = types
    if isinstance(only, type) and issubclass(only, StrEnum):
        return _Choices(only)
    return _KINDS.get(only) or _Unknown(only)


def _type_of(value: object) -> str:
    return "None" if value is None else type(value).__name__


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json(value: object) -> str | None:
    """The document as text, if what is read back will be the same."""
    try:
        text = orjson.dumps(value)
    except TypeError:
        return None
    if orjson.loads(text) != value or (b"\\u0000" in text and _has_nul(value)):
        return None
    return text.decode()


def _has_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_nul(part) for part in (*value.keys(), *value.values()))
    if isinstance(value, list):
        return any(_has_nul(part) for part in value)
    return isinstance(value, str) and "\0" in value


def _culprit(value: object, depth: int = 20) -> str:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        if depth and _json(part) is None:
            return _culprit(part, depth - 1)
    return _type_of(value)
