"""Small damage to what was right: to bytes, to words and to the structure of JSON."""

import copy
import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_NASTY_WORDS = (
    "{", "}", "(", ")", "[", "]", "@include(if: true)", "@skip(if: $x)", "...", "... on Query",
    "$x",
    "fragment A on Query { ...A }", "query", "mutation", "subscription", "__typename", "__schema",
    "null", "1e999", "-0", "9" * 30, '"', '"""', '"\\u0000"', '"\\ud800"', "\\u{110000}", "#",
    ":", "&",
    "\ufeff", "\x00", "\x7f", "\u2028", "🎯", "a: b", "first: -1", "id: 5", "{" * 60, "a " * 300,
)  # fmt: skip
_NASTY_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.5, 2**31, 2**53 + 1, 2**63, 2**64, -(2**70), 10**400, 1e308, 5e-324,
    "", " ", "\0", "a", "x" * 5_000, "🎯" * 100, "\u202e", "colour", "2026-02-30T25:00:00Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "'; DROP TABLE variants; --", "%s$1",
    [], [None], [[]], {}, {"": ""}, {"a": {"b": None}}, ["a"] * 200,
)  # fmt: skip
_NASTY_JSON = (
    "NaN", "Infinity", "-Infinity", "1e400", "9" * 5_000, "-", "01", "+1", ".5", '"\\ud800"',
    '"\\u0000"',
    '"\\udc00\\ud800"', "'a'", "undefined", "[1,]", '{"a":1,"a":2}', '{"a":}', "/* */ 1", '"\t"',
    "tru",
    "[" * 300 + "]" * 300, "[" * 1_010 + "9" * 20 + "]" * 1_010, "[" * 30_000,
    '{"a":' * 500 + "1" + "}" * 500,
)  # fmt: skip
_NASTY_BYTES = (
    b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x00", b"\xef\xbb\xbf",
    b"\xe2\x82",
    b"\xff\xfe{\x00}\x00", b"\r\n", b"\x1b[31m",
)  # fmt: skip
_HOLE = "\ue000 here \ue000"


class Mutator:
    def __init__(self, random: Random) -> None:
        self._random = random

    def encoded(self, value: Any) -> bytes:
        """Of which about one in ten is what it was."""
        changed = copy.deepcopy(value)
        for _ in range(self._random.choice((0, 0, 1, 1, 1, 2, 4))):
            self._random.choice((self._document, self._member, self._member))(changed)
        text = json.dumps(changed, ensure_ascii=self._random.random() < 0.5)
        if self._random.random() < 0.1:
            text = self._with_nasty_json(changed)
        found = text.encode("utf-8", "surrogatepass")
        return self.damaged(found) if self._random.random() < 0.15 else found

    def damaged(self, data: bytes) -> bytes:
        change: Callable[[bytes], bytes] = self._random.choice(
            (self._flipped, self._cut, self._doubled, self._with_nasty_bytes, self._framed)
        )
        return change(data)

    def _document(self, value: Any) -> None:
        """A GraphQL text somewhere in it."""
        holder = value.get("payload", value) if isinstance(value, dict) else None
        if not isinstance(holder, dict) or not isinstance(holder.get("query"), str):
            return
        words = _WORDS.findall(holder["query"]) or [""]
        at = self._random.randrange(len(words))
        match self._random.randrange(5):
            case 0:
                del words[at]
            case 1:
                words.insert(at, self._random.choice(_NASTY_WORDS))
            case 2:
                words[at] = self._random.choice(_NASTY_WORDS)
            case 3:
                other = self._random.randrange(len(words))
                words[at], words[other] = words[other], words[at]
            case _:
                end = at + self._random.randrange(1, 20)
                words[at:end] *= self._random.choice((2, 3, 40))
        holder["query"] = "".join(words)

    def _member(self, value: Any) -> None:
        """One place of it gets another value, or is lost."""
        places = list(_places(value))
        if not places:
            return
        holder, key = self._random.choice(places)
        match self._random.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [holder[key]]
            case 2:
                holder[key] = {"a": holder[key]}
            case 3:
                other, its_key = self._random.choice(places)
                holder[key] = copy.deepcopy(other[its_key])
            case 4 if isinstance(holder, dict):
                holder[key + self._random.choice((" ", "s", "\0", "A"))] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(self._random.choice(_NASTY_VALUES))

    def _with_nasty_json(self, value: Any) -> str:
        places = list(_places(value))
        if not places:
            return self._random.choice(_NASTY_JSON)
        holder, key = self._random.choice(places)
        holder[key] = _HOLE
        return json.dumps(value).replace(json.dumps(_HOLE), self._random.choice(_NASTY_JSON))

    def _flipped(self, data: bytes) -> bytes:
        found = bytearray(data)
        for _ in range(min(len(found), self._random.choice((1, 1, 3)))):
            found[self._random.randrange(len(found))] ^= 1 << self._random.randrange(8)
        return bytes(found)

    def _cut(self, data: bytes) -> bytes:
        return data[: self._random.randrange(len(data) + 1)]

    def _doubled(self, data: bytes) -> bytes:
        at = self._random.randrange(len(data) + 1)
        return data[:at] + data[: self._random.choice((len(data), 10))] + data[at:]

    def _with_nasty_bytes(self, data: bytes) -> bytes:
        at = self._random.choice((0, self._random.randrange(len(data) + 1), len(data)))
        return data[:at] + self._random.choice(_NASTY_BYTES) + data[at:]

    def _framed(self, data: bytes) -> bytes:
        before, after = self._random.choice(
            ((b" " * 4_000, b""), (b"[", b"]"), (b"", b"\0"), (b"", b"{}"), (b"\xef\xbb\xbf", b""))
        )
        return before + data + after


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Whatever holds something, and where."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found
