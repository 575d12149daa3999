import math
from collections.abc import Callable

import pytest

from domain.checks import MAX_TEXT, Checks, text_fault
from domain.errors import Path
from tests.domain.refusals import Fault, faults


def asked(*questions: Callable[[Checks], None], only: set[str] | None = None) -> list[Fault]:
    checks = Checks(only)
    for ask in questions:
        ask(checks)
    return faults(checks.done)


def name_faults(value: str) -> list[str]:
    return [message for _, message in asked(lambda checks: checks.name(("name",), value))]


def number_faults(value: float | None, low: float, high: float) -> list[str]:
    return [message for _, message in asked(lambda checks: checks.number(("n",), value, low, high))]


@pytest.mark.parametrize("value", ["a", "A name, with spaces", "é", "👩‍🚀", "x" * 200, "a\u00a0b"])
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
        ("a\nb", "must not hold control characters or line breaks"),
        ("a\tb", "must not hold control characters or line breaks"),
        ("a\x7f", "must not hold control characters or line breaks"),
        ("a\x85b", "must not hold control characters or line breaks"),
        ("a\u2028b", "must not hold control characters or line breaks"),
        ("a\u2029b", "must not hold control characters or line breaks"),
        ("a\0b", "must not hold the character NUL"),
        ("\0", "must not hold the character NUL"),
        ("a\ud800", "must not hold half of a surrogate pair"),
        ("\udfffb", "must not hold half of a surrogate pair"),
    ],
    ids=[
        "empty", "blank", "blank beyond ASCII", "blank before", "blank after", "too long by one",
        "10,000 characters", "line break", "tab", "DEL", "next line", "line separator",
        "paragraph separator", "NUL inside", "NUL alone", "high surrogate", "low surrogate",
    ],
)  # fmt: skip
def test_a_name_is_refused(value: str, message: str) -> None:
    assert name_faults(value) == [message]


def test_all_faults_of_a_name_are_said() -> None:
    assert name_faults(" " * 10_000) == [
        "must not be empty",
        "has 10000 characters: at most 200 are allowed",
    ]
    assert name_faults("a\nb" * 100) == [
        "must not hold control characters or line breaks",
        "has 300 characters: at most 200 are allowed",
    ]


def test_a_text_may_be_missing_empty_or_blank() -> None:
    assert not asked(*(lambda checks, v=v: checks.text(("t",), v) for v in (None, "", " ")))


def test_a_text_has_a_limit() -> None:
    assert not asked(lambda checks: checks.text(("t",), "x" * MAX_TEXT))
    assert asked(lambda checks: checks.text(("t",), "x" * (MAX_TEXT + 1))) == [
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


@pytest.mark.parametrize(
    ("value", "low", "high", "message"),
    [
        (-1, 0, math.inf, "is -1: it must be at least 0"),
        (math.nan, 0, math.inf, "is nan: it must be at least 0"),
        (3, -math.inf, 2, "is 3: it must be at most 2"),
    ],
)
def test_a_number_with_one_bound_is_told_of_that_alone(
    value: float, low: float, high: float, message: str
) -> None:
    assert number_faults(value, low, high) == [message]


def test_a_large_number_is_told_from_its_bound() -> None:
    assert number_faults(1_000_000_001, 1, 1_000_000_000) == [
        "is 1000000001: it must be from 1 to 1000000000"
    ]


@pytest.mark.parametrize("value", [0, 1, math.nan, math.inf, -1])
def test_a_number_inside_excludes_its_bounds(value: float) -> None:
    assert asked(lambda checks: checks.inside(("alpha",), value, 0, 1)) == [
        (("alpha",), f"is {value:g}: it must lie between 0 and 1")
    ]


@pytest.mark.parametrize(
    ("value", "low", "high", "message"),
    [
        (0, 0, math.inf, "is 0: it must be above 0"),
        (-1.5, -1, math.inf, "is -1.5: it must be above -1"),
        (math.nan, 0, math.inf, "is nan: it must be above 0"),
        (2, -math.inf, 2, "is 2: it must be below 2"),
        (math.inf, 0, math.inf, "is inf: it must be above 0 and finite"),
        (-math.inf, -math.inf, 2, "is -inf: it must be below 2 and finite"),
    ],
)
def test_inside_with_one_bound_is_told_of_that_alone(
    value: float, low: float, high: float, message: str
) -> None:
    assert asked(lambda checks: checks.inside(("m",), value, low, high)) == [(("m",), message)]


def test_infinity_does_not_lie_below_infinity() -> None:
    assert asked(lambda checks: checks.inside(("m",), math.inf, 0, math.inf))
    assert not asked(lambda checks: checks.inside(("m",), 1e308, 0, math.inf))


def test_a_name_given_twice_is_refused_where_it_is_repeated() -> None:
    paths: list[Path] = [("variants", place, "name") for place in range(4)]

    assert asked(lambda checks: checks.unique(paths, ["a", "b", "a", "a"])) == [
        (("variants", 2, "name"), "'a' is named twice"),
        (("variants", 3, "name"), "'a' is named twice"),
    ]


def test_all_faults_are_said_at_once_in_order() -> None:
    assert asked(
        lambda checks: checks.name(("name",), ""),
        lambda checks: checks.number(("alpha",), 2.0, 0, 1),
        lambda checks: checks.document(("metadata",), [math.nan]),
    ) == [
        (("name",), "must not be empty"),
        (("alpha",), "is 2: it must be from 0 to 1"),
        (("metadata",), "must not hold NaN or Infinity"),
    ]


def test_faults_of_other_fields_are_passed_over() -> None:
    assert asked(
        lambda checks: checks.name(("name",), ""),
        lambda checks: checks.name(("metrics", 0, "name"), ""),
        only={"metrics"},
    ) == [(("metrics", 0, "name"), "must not be empty")]


def test_with_no_field_in_question_nothing_is_wrong() -> None:
    assert not asked(lambda checks: checks.name(("name",), ""), only=set())
