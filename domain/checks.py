"""What a text, a number or a document may be; everything that is wrong with an input is said at
once, each fault with its place."""

import json
import math
import unicodedata
from collections.abc import Collection, Iterable
from itertools import chain

from domain.errors import DomainError, Invalid, InvalidInput, Path
from domain.json_values import Json

MAX_NAME = 200
MAX_TEXT = 20_000
MAX_JSON_BYTES = 64 * 1024
MAX_JSON_DEPTH = 20
_NOT_IN_NAMES = frozenset({"Cc", "Zl", "Zp"})
_INT64 = range(-(2**63), 2**63)
_TOO_LARGE = f"has more than {MAX_JSON_BYTES} bytes as JSON"


class Checks:
    def __init__(self, only: Collection[str] | None = None) -> None:
        """With `only`, faults outside those top-level fields are none of this input's."""
        self._only = only
        self._refusals: list[DomainError] = []

    def refuse(self, path: Path, message: str, kind: type[DomainError] = InvalidInput) -> None:
        if self._only is None or path[0] in self._only:
            self._refusals.append(kind(message, path))

    def name(self, path: Path, value: str, limit: int = MAX_NAME) -> None:
        if not value.strip():
            self.refuse(path, "must not be empty")
        elif value != value.strip():
            self.refuse(path, "must not begin or end with white space")
        elif not text_fault(value) and _has_controls(value[:limit]):
            self.refuse(path, "must not hold control characters or line breaks")
        self.text(path, value, limit)

    def text(self, path: Path, value: str | None, limit: int = MAX_TEXT) -> None:
        if value is None:
            return
        if len(value) > limit:
            self.refuse(path, f"has {len(value)} characters: at most {limit} are allowed")
        elif fault := text_fault(value):
            self.refuse(path, fault)

    def number(self, path: Path, value: float | None, low: float, high: float) -> None:
        if value is not None and not low <= value <= high:
            where = _one_sided(low, high, ("at least", "at most"))
            where = where or f"from {_said(low)} to {_said(high)}"
            self.refuse(path, f"is {_said(value)}: it must be {where}")

    def inside(self, path: Path, value: float | None, low: float, high: float) -> None:
        if value is not None and not low < value < high:
            where = _one_sided(low, high, ("be above", "be below"))
            where = where or f"lie between {_said(low)} and {_said(high)}"
            finite = " and finite" if abs(value) == math.inf and value in (low, high) else ""
            self.refuse(path, f"is {_said(value)}: it must {where}{finite}")

    def document(self, path: Path, value: Json | None) -> None:
        if value is not None and (fault := _document_fault(value)):
            self.refuse(path, fault)

    def unique(self, paths: list[Path], names: list[str]) -> None:
        seen: set[str] = set()
        for path, name in zip(paths, names, strict=True):
            if name in seen:
                self.refuse(path, f"{name!r} is named twice")
            seen.add(name)

    def done(self) -> None:
        if self._refusals:
            raise Invalid(self._refusals)


def text_fault(value: str) -> str | None:
    """Why the store could not keep this text."""
    if "\0" in value:
        return "must not hold the character NUL"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "must not hold half of a surrogate pair"
    return None


def _has_controls(value: str) -> bool:
    return any(unicodedata.category(character) in _NOT_IN_NAMES for character in value)


def _said(value: float) -> str:
    try:
        return f"{value:.15g}"
    except OverflowError:
        return "too large"


def _one_sided(low: float, high: float, words: tuple[str, str]) -> str | None:
    """None where both bounds are numbers: nobody is told of infinity."""
    if high == math.inf:
        return f"{words[0]} {_said(low)}"
    if low == -math.inf:
        return f"{words[1]} {_said(high)}"
    return None


def _document_fault(value: object) -> str | None:
    if not isinstance(value, dict | list):
        return "must be a JSON object or list"
    if fault := _nested_fault(value):
        return fault
    size = len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
    return _TOO_LARGE if size > MAX_JSON_BYTES else None


def _nested_fault(document: object) -> str | None:
    """Level by level, without recursion: depth is the caller's to choose, the stack is ours. No
    further than the size that is allowed: a small request can name one large variable often."""
    level, size = [document], 0
    for _ in range(MAX_JSON_DEPTH):
        size += sum(map(_least_size, level))
        if size > MAX_JSON_BYTES:
            return _TOO_LARGE
        if fault := next(filter(None, map(_leaf_fault, level)), None):
            return fault
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return None
    return f"is nested deeper than {MAX_JSON_DEPTH} levels"


def _least_size(value: object) -> int:
    """In bytes as JSON, what is inside aside."""
    match value:
        case str():
            return len(value) + 2
        case dict():
            return 2 * len(value) + 1
        case list():
            return len(value) + 1
        case _:
            return 1


def _inside(value: object) -> Iterable[object]:
    match value:
        case dict():
            return chain(value.keys(), value.values())
        case list():
            return value
        case _:
            return ()


def _leaf_fault(value: object) -> str | None:
    match value:
        case str():
            return text_fault(value)
        case float() if not math.isfinite(value):
            return "must not hold NaN or Infinity"
        case int() if value not in _INT64:
            return "must not hold an integer of more than 64 bits"
        case dict() if not all(isinstance(key, str) for key in value):
            return "must have texts for keys"
        case None | bool() | int() | float() | dict() | list():
            return None
        case _:
            return f"must not hold values of type {type(value).__name__}"
