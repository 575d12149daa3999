"""How the values of each Python type are stored and read, and in which columns."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, NewType, Union, get_args, get_origin
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Double, Enum, LargeBinary, Numeric, Text, Uuid
from sqlalchemy.types import TypeEngine

from domain.ids import NIL
from persistence.documents import Documents
from persistence.kind import INT64, Kind, Unstorable, fault, said

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENDS = frozenset({datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)})


class _Ids(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, UUID):
            raise Unstorable(said(value))
        return value


class _Texts(Kind):
    def storable(self, value: object) -> object:
        if type(value) is not str or fault(value):
            raise Unstorable(said(value))
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and not fault("".join(values))


class _Integers(Kind):
    def storable(self, value: object) -> object:
        if type(value) is not int or value not in INT64:
            raise Unstorable(said(value))
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and all(map(INT64.__contains__, values))


class _Floats(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, float | int) or isinstance(value, bool):
            raise Unstorable(said(value))
        try:
            number = float(value)
        except OverflowError:
            raise Unstorable(said(value)) from None
        if not math.isfinite(number):
            raise Unstorable(said(value))
        return number

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and all(map(math.isfinite, values))


class _Decimals(Kind):
    def storable(self, value: object) -> object:
        if not isinstance(value, Decimal) or not value.is_finite():
            raise Unstorable(said(value))
        return value

    def are_plain(self, values: Sequence[Any]) -> bool:
        return self._are_of_the_type(values) and all(map(Decimal.is_finite, values))


class _Times(Kind):
    """A NULL is the epoch: visibly unset, aware, and older than whatever is compared with it."""

    def fits(self, column: TypeEngine[Any]) -> bool:
        return isinstance(column, DateTime) and column.timezone

    def storable(self, value: object) -> object:
        if not isinstance(value, datetime):
            raise Unstorable(said(value))
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
