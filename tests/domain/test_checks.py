import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from domain.checks import MAX_JSON_BYTES, MAX_JSON_DEPTH, MAX_TEXT, Checks, text_fault
from domain.errors import Invalid, Path


def faults(
    *asked: Callable[[Checks], None], only: set[str] | None = None
) -> list[tuple[Path, str]]:
    checks = Checks(only)
    for ask in asked:
        ask(checks)
    try:
        checks.done()
    except Invalid as invalid:
        return [(refusal.path, refusal.message) for refusal in invalid.refusals]
    return []


def name_faults(value: str) -> list[str]:
    return [message for _, message in faults(lambda checks: checks.name(("name",), value))]


def number_faults(value: float | None, low: float, high: float) -> list[str]:
    return [
        message for _, message in faults(lambda checks: checks.number(("n",), value, low, high))
    ]


def document_faults(value: Any) -> list[str]:
    return [message for _, message in faults(lambda checks: checks.document(("doc",), value))]


def nested(levels: int) -> list[Any]:
    """So many lists in each other, the innermost empty."""
    document: list[Any] = []
    for _ in range(levels - 1):
        document = [document]
    return document


@pytest.mark.parametrize("value", ["a", "A name, with spaces", "é", "👩‍🚀", "x" * 200, "a\nb"])
def test_a_name_is_some_text(value: str) -> None:
    assert name_faults(value) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "must not be empty"),
        (" \t\n", "must not be empty"),
        ("\u3000\u00a0", "must not be empty"),
        (" a", "must not begin or end with white space"),
        ("a\n", "must not begin or end with white space"),
        ("x" * 201, "has 201 characters: at most 200 are allowed"),
        ("x" * 10_000, "has 10000 characters: at most 200 are allowed"),
        ("a\0b", "must not hold the character NUL"),
        ("\0", "must not hold the character NUL"),
        ("a\ud800", "must not hold half of a surrogate pair"),
        ("\udfffb", "must not hold half of a surrogate pair"),
    ],
    ids=[
        "empty", "blank", "blank beyond ASCII", "blank before", "blank after", "too long by one",
        "10,000 characters", "NUL inside", "NUL alone", "high surrogate", "low surrogate",
    ],
)  # fmt: skip
def test_a_name_is_refused(value: str, message: str) -> None:
    assert name_faults(value) == [message]


def test_all_faults_of_a_name_are_said() -> None:
    assert name_faults(" " * 10_000) == [
        "must not be empty",
        "has 10000 characters: at most 200 are allowed",
    ]


def test_a_text_may_be_missing_empty_or_blank() -> None:
    assert not faults(*(lambda checks, v=v: checks.text(("t",), v) for v in (None, "", " ")))


def test_a_text_has_a_limit() -> None:
    assert not faults(lambda checks: checks.text(("t",), "x" * MAX_TEXT))
    assert faults(lambda checks: checks.text(("t",), "x" * (MAX_TEXT + 1))) == [
        (("t",), "has 20001 characters: at most 20000 are allowed")
    ]


def test_a_text_that_the_store_could_not_keep_has_a_fault() -> None:
    assert text_fault("a\U0001f600b") is None
    assert text_fault("\0") == "must not hold the character NUL"
    assert text_fault("\ud83d") == "must not hold half of a surrogate pair"


@pytest.mark.parametrize("value", [None, 0, 0.0, 1e-300, 1, 1.0])
def test_a_number_within_its_bounds_passes(value: float | None) -> None:
    assert number_faults(value, 0, 1) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (-0.1, "-0.1"),
        (2.0, "2"),
        (1.0000001, "1.0000001"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (10**400, "too large"),
        (10**5000, "too large"),
    ],
    ids=["below", "above", "just above", "NaN", "infinite", "minus infinite", "huge", "vast"],
)
def test_a_number_out_of_bounds_is_named(value: float, said: str) -> None:
    assert number_faults(value, 0, 1) == [f"is {said}: it must be from 0 to 1"]


def test_a_large_number_is_told_from_its_bound() -> None:
    assert number_faults(1_000_000_001, 1, 1_000_000_000) == [
        "is 1000000001: it must be from 1 to 1000000000"
    ]


@pytest.mark.parametrize("value", [0, 1, math.nan, math.inf, -1])
def test_a_number_inside_excludes_its_bounds(value: float) -> None:
    assert faults(lambda checks: checks.inside(("alpha",), value, 0, 1)) == [
        (("alpha",), f"is {value:g}: it must lie between 0 and 1")
    ]


def test_infinity_does_not_lie_below_infinity() -> None:
    assert faults(lambda checks: checks.inside(("m",), math.inf, 0, math.inf))
    assert not faults(lambda checks: checks.inside(("m",), 1e308, 0, math.inf))


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
        ([(1, 2)], "must not hold a tuple"),
        ({"a": {1}}, "must not hold a set"),
        ([b"bytes"], "must not hold a bytes"),
        ([datetime(2026, 2, 7, tzinfo=UTC)], "must not hold a datetime"),
        ([Decimal(1)], "must not hold a Decimal"),
        ([object()], "must not hold a object"),
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


def test_a_name_given_twice_is_refused_where_it_is_repeated() -> None:
    paths: list[Path] = [("variants", place, "name") for place in range(4)]

    assert faults(lambda checks: checks.unique(paths, ["a", "b", "a", "a"])) == [
        (("variants", 2, "name"), "'a' is named twice"),
        (("variants", 3, "name"), "'a' is named twice"),
    ]


def test_all_faults_are_said_at_once_in_order() -> None:
    assert faults(
        lambda checks: checks.name(("name",), ""),
        lambda checks: checks.number(("alpha",), 2.0, 0, 1),
        lambda checks: checks.document(("metadata",), [math.nan]),
    ) == [
        (("name",), "must not be empty"),
        (("alpha",), "is 2: it must be from 0 to 1"),
        (("metadata",), "must not hold NaN or Infinity"),
    ]


def test_faults_of_other_fields_are_passed_over() -> None:
    assert faults(
        lambda checks: checks.name(("name",), ""),
        lambda checks: checks.name(("metrics", 0, "name"), ""),
        only={"metrics"},
    ) == [(("metrics", 0, "name"), "must not be empty")]


def test_with_no_field_in_question_nothing_is_wrong() -> None:
    assert not faults(lambda checks: checks.name(("name",), ""), only=set())
