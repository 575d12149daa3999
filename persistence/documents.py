"""JSON: objects, lists or both."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy.dialects.postgresql import JSONB

from persistence.kind import Kind, Unstorable, said


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
            raise Unstorable(said(value))
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
            raise ValueError(f"{said(document)} is no {self.name}")
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
    return said(value)
