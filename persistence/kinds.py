"""How the values of each Python type are stored and read, and in which columns."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, Boolean, DateTime, Double, Enum, LargeBinary, Numeric, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from domain.ids import NIL

_INT64 = range(-(2**63), 2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDS = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})


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
            raise Unstorable(_said(value))
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
            raise ValueError(f"{_said(value)} is no {self.name}")
        return value

    def conversion(self, value: str, is_optional: bool) -> str:
        """What the loop does with the variable `value`; any exception makes it read slowly."""
        return "" if is_optional else f"if {value} is None: {value} = empty_{value}"

    def globals(self, value: str) -> dict[str, object]:
        return {f"empty_{value}": self.empty}

    def read_all(self, values: Iterable[Any]) -> Sequence[object]:
        return [self.read(value) for value in values]


class _Ids(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, UUID):
            raise Unstorable(_said(value))
        return value


class _Texts(Kind):
    def storable(self, value: object) -> object:
        if type(value) is not str or _fault(value):
            raise Unstorable(_said(value))
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and not _fault("".join(values))


class _Integers(Kind):
    def storable(self, value: object) -> object:
        if type(value) is not int or value not in _INT64:
            raise Unstorable(_said(value))
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and all(map(_INT64.__contains__, values))


class _Floats(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, float | int) or isinstance(value, bool):
            raise Unstorable(_said(value))
        try:
            number = float(value)
        except OverflowError:
            raise Unstorable(_said(value)) from None
        if not math.isfinite(number):
            raise Unstorable(_said(value))
        return number

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and all(map(math.isfinite, values))


class _Decimals(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, Decimal) or not value.is_finite():
            raise Unstorable(_said(value))
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and all(map(Decimal.is_finite, values))


class _Times(Kind):
    """A NULL is the epoch: visibly unset, aware, and older than whatever is compared with it."""

    def fits(self, column: TypeEngine[Any]) -> bool:
        return isinstance(column, DateTime) and column.timezone

    def storable(self, value: object) -> object:
        if not isinstance(value, datetime):
            raise Unstorable(_said(value))
        if value.utcoffset() is None:
            raise Unstorable("datetime without a timezone")
        try:
            moment = value.astimezone(UTC)
        except OverflowError:
            raise Unstorable("datetime beyond the calendar") from None
        if moment in _ENDS:  # the driver takes them for infinity
            raise Unstorable("datetime beyond the calendar")
        return moment

    def are_plain(self, values: Sequence[Any]) -> bool:
        return not values

    def read(self, value: object) -> object:
        moment = super().read(value)
        if isinstance(moment, datetime) and moment.tzinfo is None:
            raise ValueError("infinity is no moment")
        return moment

    def conversion(self, value: str, is_optional: bool) -> str:
        empty = "pass" if is_optional else f"{value} = empty_{value}"
        return f"if {value} is None: {empty}\nelif {value}.tzinfo is None: raise ValueError"


class Documents(Kind):
    """Objects, lists or both; they come from the driver as text."""

    def __init__(self, types: frozenset[type]) -> None:
        super().__init__(dict if dict in types else list, JSONB, None)
        self.name = " | ".join(sorted(kind.__name__ for kind in types))
        self._types = types

    def storable(self, value: object) -> object:
        self.packed(value)
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return not values

    def packed(self, value: object) -> object:
        if type(value) not in self._types:
            raise Unstorable(_said(value))
        if not value:
            return "{}" if type(value) is dict else "[]"
        text = _json(value)
        if text is None:
            raise Unstorable(_culprit(value))
        return text

    def read(self, value: object) -> object:
        document = orjson.loads(value) if isinstance(value, str) else value
        if document is None:
            return self._python()
        if type(document) not in self._types:
            raise ValueError(f"{_said(document)} is no {self.name}")
        return document

    def conversion(self, value: str, is_optional: bool) -> str:
        return f"if {value} is not None: {value} = read_{value}({value})" if is_optional else ""

    def globals(self, value: str) -> dict[str, object]:
        return {f"read_{value}": self.read}

    def read_all(self, values: Iterable[Any]) -> Sequence[object]:
        """As one list of documents: parsing each by itself took twice as long."""
        documents: list[object] = orjson.loads(f"[{','.join(values)}]")
        if not self._types.issuperset(map(type, documents)):
            raise ValueError
        return documents


class _Choices(Kind):
    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__(choices, Enum, None)
        self._members = {member.value: member for member in choices}

    def are_plain(self, values: Sequence[Any]) -> bool:
        return not values

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

    def globals(self, value: str) -> dict[str, object]:
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
    Decimal: _Decimals(Decimal, Numeric, Decimal(0)),
    bool: Kind(bool, Boolean, False),
    bytes: Kind(bytes, LargeBinary, b""),
    datetime: _Times(datetime, DateTime, _EPOCH),
}


def kind_of(hint: object) -> tuple[Kind, bool]:
    """And whether None is allowed."""
    hint = _unwrapped(hint)
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    types = [_unwrapped(member) for member in members if member is not NoneType]
    return _kind(types) or _Unknown(hint), len(types) < len(members)


def _unwrapped(hint: object) -> object:
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    return get_origin(hint) if get_origin(hint) in (dict, list) else hint


def _kind(types: list[object]) -> Kind | None:
    documents = frozenset(kind for kind in types if kind is dict or kind is list)
    if types and len(documents) == len(types):
        return Documents(documents)
    if len(types) != 1:
        return None
    (only,) = types
    if isinstance(only, type) and issubclass(only, StrEnum):
        return _Choices(only)
    return _KINDS.get(only)


def _said(value: object) -> str:
    """Its type, and what is wrong with it where a value of that type may be right."""
    match value:
        case None:
            return "None"
        case float() if not math.isfinite(value):
            return str(value)
        case Decimal() if not value.is_finite():
            return str(value)
        case int() if value not in _INT64:
            return "int beyond 64 bits"
        case str() if fault := _fault(value):
            return f"str with {fault}"
    return type(value).__name__


def _fault(text: str) -> str:
    """What no text in the database can hold."""
    if "\0" in text:
        return "NUL"
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError:
        return "half a character"
    return ""


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
    return _said(value)
