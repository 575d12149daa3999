import math
from collections.abc import Sequence
from uuid import UUID

import pytest

from domain.checks import Checks
from domain.definitions import MAX_DEFINITIONS, build_definitions, check_definitions
from domain.errors import Path
from domain.metrics import EffectScale, MetricRole, NewMetricDefinition
from tests.domain.refusals import Fault, faults
from tests.factories import make_new_metric


def refused(*metrics: NewMetricDefinition) -> list[Fault]:
    checks = Checks()
    check_definitions(checks, ("metrics",), metrics)
    return faults(checks.done)


def places(*metrics: NewMetricDefinition) -> list[Path]:
    return [path for path, _ in refused(*metrics)]


def test_no_metric_at_all_is_fine() -> None:
    assert refused() == []


def test_a_primary_metric_may_stand_alone_or_with_others() -> None:
    secondary = make_new_metric(name="visits", role=MetricRole.SECONDARY)
    guardrail = make_new_metric(name="errors", role=MetricRole.GUARDRAIL)

    assert refused(make_new_metric()) == []
    assert refused(secondary, make_new_metric(), guardrail) == []


@pytest.mark.parametrize(
    ("roles", "count"),
    [
        ([MetricRole.SECONDARY], 0),
        ([MetricRole.GUARDRAIL, MetricRole.SECONDARY], 0),
        ([MetricRole.PRIMARY, MetricRole.PRIMARY], 2),
        ([MetricRole.PRIMARY] * 3, 3),
    ],
)
def test_exactly_one_metric_is_primary(roles: Sequence[MetricRole], count: int) -> None:
    metrics = [make_new_metric(name=f"m{place}", role=role) for place, role in enumerate(roles)]

    assert refused(*metrics) == [(("metrics",), f"exactly one metric must be PRIMARY, {count} are")]


def test_a_name_is_given_once() -> None:
    again = make_new_metric(role=MetricRole.SECONDARY)

    assert refused(make_new_metric(), again) == [
        (("metrics", 1, "name"), "'orders' is named twice")
    ]


def test_two_metrics_may_count_the_same_event() -> None:
    revenue = make_new_metric(name="revenue", role=MetricRole.SECONDARY)

    assert refused(make_new_metric(), revenue) == []


@pytest.mark.parametrize("field", ["name", "event_type"])
@pytest.mark.parametrize("value", ["", " ", "x" * 10_000, "a\0", "\ud800"], ids=ascii)
def test_names_are_checked(field: str, value: str) -> None:
    assert places(make_new_metric(**{field: value}))[0] == ("metrics", 0, field)


def test_there_are_at_most_fifty_metrics() -> None:
    others = [
        make_new_metric(name=f"m{place}", role=MetricRole.SECONDARY)
        for place in range(MAX_DEFINITIONS)
    ]

    assert refused(make_new_metric(), *others[:-1]) == []
    assert refused(make_new_metric(), *others) == [(("metrics",), "has 51 entries: at most 50")]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (None, 5.0), (-5.0, None), (2.0, 2.0)])
def test_caps_stand_in_order(low: float | None, high: float | None) -> None:
    assert refused(make_new_metric(cap_low=low, cap_high=high)) == []


@pytest.mark.parametrize(
    ("low", "high", "field"),
    [
        (2.0, 1.0, "cap_low"),
        (math.inf, None, "cap_low"),
        (-math.inf, None, "cap_low"),
        (math.nan, None, "cap_low"),
        (None, math.inf, "cap_high"),
        (None, math.nan, "cap_high"),
    ],
)
def test_other_caps_are_refused(low: float | None, high: float | None, field: str) -> None:
    assert places(make_new_metric(cap_low=low, cap_high=high)) == [("metrics", 0, field)]


@pytest.mark.parametrize("hours", [0.0, -1.0, 24.0 * 366, math.nan, math.inf])
def test_a_window_is_neither_empty_nor_a_year_long(hours: float) -> None:
    assert places(make_new_metric(window_hours=hours)) == [("metrics", 0, "window_hours")]


@pytest.mark.parametrize("hours", [None, 0.5, 24.0, 24.0 * 365])
def test_a_window_is_up_to_a_year(hours: float | None) -> None:
    assert refused(make_new_metric(window_hours=hours)) == []


@pytest.mark.parametrize(
    ("scale", "margin", "fits"),
    [
        (EffectScale.RELATIVE, 0.02, True),
        (EffectScale.RELATIVE, 1.0, False),
        (EffectScale.RELATIVE, 0.0, False),
        (EffectScale.RELATIVE, -0.1, False),
        (EffectScale.RELATIVE, math.nan, False),
        (EffectScale.ABSOLUTE, 250.0, True),
        (EffectScale.ABSOLUTE, 0.0, False),
        (EffectScale.ABSOLUTE, math.inf, False),
    ],
)
def test_a_margin_is_positive_and_if_relative_below_one(
    scale: EffectScale, margin: float, fits: bool
) -> None:
    guardrail = make_new_metric(
        name="errors", role=MetricRole.GUARDRAIL, scale=scale, non_inferiority_margin=margin
    )

    assert (refused(make_new_metric(), guardrail) == []) is fits


@pytest.mark.parametrize("role", [MetricRole.PRIMARY, MetricRole.SECONDARY])
def test_only_a_guardrail_has_a_margin(role: MetricRole) -> None:
    primary = make_new_metric(name="other") if role is MetricRole.SECONDARY else None
    metrics = [make_new_metric(role=role, non_inferiority_margin=0.1), *filter(None, [primary])]

    assert refused(*metrics) == [
        (("metrics", 0, "non_inferiority_margin"), "is for a GUARDRAIL only")
    ]


def test_all_faults_are_said_at_once() -> None:
    wrong = make_new_metric(name="", role=MetricRole.SECONDARY, cap_low=math.nan, window_hours=0.0)

    assert places(wrong) == [
        ("metrics",),
        ("metrics", 0, "name"),
        ("metrics", 0, "cap_low"),
        ("metrics", 0, "window_hours"),
    ]


def test_definitions_are_built_in_the_order_given() -> None:
    experiment = UUID(int=7)
    errors = make_new_metric(name="errors", role=MetricRole.GUARDRAIL, non_inferiority_margin=0.1)

    first, second = build_definitions(experiment, [make_new_metric(cap_high=9.0), errors])

    assert (first.name, first.position, first.experiment_id) == ("orders", 0, experiment)
    assert (second.name, second.position, second.experiment_id) == ("errors", 1, experiment)
    assert (first.cap_high, second.non_inferiority_margin) == (9.0, 0.1)
    assert first.id != second.id
