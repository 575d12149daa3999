import math
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.checks import MAX_JSON_BYTES, MAX_JSON_DEPTH, Checks
from tests.domain.refusals import faults


def document_faults(value: Any) -> list[str]:
    checks = Checks()
    checks.document(("doc",), value)
    return [message for _, message in faults(checks.done)]


def nested(levels: int) -> list[Any]:
    """So many lists in each other, the innermost empty."""
    document: list[Any] = []
    for _ in range(levels - 1):
        document = [document]
    return document


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [],
        {"": None},
        {"a": [1, 2.5, True, False, None, "text", {"b": {}}]},
        [2**63 - 1, -(2**63), 1e308, 5e-324],
        {"clé": "😀"},
    ],
)
def test_a_document_is_any_object_or_list(value: Any) -> None:
    assert document_faults(value) == []


@pytest.mark.parametrize("value", [1, 1.5, True, "text", "", (1,), {1}, b"bytes"], ids=repr)
def test_a_document_is_nothing_else(value: Any) -> None:
    assert document_faults(value) == ["must be a JSON object or list"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (["a\0"], "must not hold the character NUL"),
        ({"a\0": 1}, "must not hold the character NUL"),
        (["\ud800"], "must not hold half of a surrogate pair"),
        ({"\udc00": 1}, "must not hold half of a surrogate pair"),
        ([math.nan], "must not hold NaN or Infinity"),
        ({"a": {"b": [math.inf]}}, "must not hold NaN or Infinity"),
        ([-math.inf], "must not hold NaN or Infinity"),
        ([2**63], "must not hold an integer of more than 64 bits"),
        ([-(2**63) - 1], "must not hold an integer of more than 64 bits"),
        ([10**10_000], "must not hold an integer of more than 64 bits"),
        ([(1, 2)], "must not hold values of type tuple"),
        ({"a": {1}}, "must not hold values of type set"),
        ([b"bytes"], "must not hold values of type bytes"),
        ([datetime(2026, 2, 7, tzinfo=UTC)], "must not hold values of type datetime"),
        ([Decimal(1)], "must not hold values of type Decimal"),
        ([object()], "must not hold values of type object"),
        ({1: 2}, "must have texts for keys"),
        ([{None: 1}], "must have texts for keys"),
        ({("a",): 1}, "must have texts for keys"),
    ],
    ids=[
        "NUL", "NUL in a key", "surrogate", "surrogate in a key", "NaN", "nested infinity",
        "minus infinity", "2^63", "below -2^63", "10^10000", "tuple", "set", "bytes", "datetime",
        "Decimal", "object", "number as key", "null as key", "tuple as key",
    ],
)  # fmt: skip
def test_what_json_or_the_store_cannot_hold_is_refused(value: Any, message: str) -> None:
    assert document_faults(value) == [message]


def test_a_document_may_have_twenty_levels() -> None:
    assert document_faults(nested(MAX_JSON_DEPTH)) == []
    assert document_faults(nested(MAX_JSON_DEPTH + 1)) == ["is nested deeper than 20 levels"]


def test_a_value_is_a_level_as_well() -> None:
    document: Any = "leaf"
    for _ in range(MAX_JSON_DEPTH - 1):
        document = {"inner": document}

    assert document_faults(document) == []
    assert document_faults({"inner": document}) == ["is nested deeper than 20 levels"]


def test_a_hundred_thousand_levels_are_refused_at_once() -> None:
    document = nested(100_000)

    begun = time.perf_counter()
    found = document_faults(document)

    assert found == ["is nested deeper than 20 levels"]
    assert time.perf_counter() - begun < 0.1


def test_a_document_may_have_64_kibibytes() -> None:
    fits = {"text": "x" * (MAX_JSON_BYTES - len('{"text":""}'))}

    assert document_faults(fits) == []
    assert document_faults({"text": fits["text"] + "x"}) == ["has more than 65536 bytes as JSON"]


def test_bytes_count_and_not_characters() -> None:
    fits = ["é" * ((MAX_JSON_BYTES - 4) // 2)]

    assert document_faults(fits) == []
    assert document_faults([fits[0] + "é"]) == ["has more than 65536 bytes as JSON"]


def test_escapes_count_as_they_are_written() -> None:
    assert document_faults(['"' * 40_000]) == ["has more than 65536 bytes as JSON"]


def test_many_small_values_make_a_large_document() -> None:
    fits = [0] * ((MAX_JSON_BYTES - 1) // 2)

    assert document_faults(fits) == []
    assert document_faults([*fits, 0]) == ["has more than 65536 bytes as JSON"]


@pytest.mark.parametrize(
    "part", [["x" * 1_000_000], [""] * 100_000, {str(key): 0 for key in range(100_000)}],
    ids=["text", "list", "object"],
)  # fmt: skip
def test_a_large_value_named_often_is_not_written_out(part: Any) -> None:
    begun = time.perf_counter()
    found = document_faults([part] * 5_000)

    assert found == ["has more than 65536 bytes as JSON"]
    assert time.perf_counter() - begun < 1


def test_a_document_that_holds_itself_is_refused() -> None:
    document: list[Any] = []
    document.extend([document, document])

    assert document_faults(document) != []
