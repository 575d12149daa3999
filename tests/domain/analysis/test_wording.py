import math

import pytest

from domain.analysis.evidence import Bounds, MetricEvidence
from domain.analysis.wording import effect, is_or_are, listed, number
from domain.metrics import EffectScale, MetricAggregation
from tests.factories import make_metric_definition


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.0, "0"),
        (4.24, "4.2"),
        (-4.24, "4.2"),
        (12_345.6, "12,346"),
        (99.94, "99.9"),
        (0.5, "0.50"),
        (0.0123, "0.012"),
        (0.00001, "0.000010"),
        (1e-12, "0.000000"),
    ],
)
def test_numbers_are_rounded_to_what_can_be_read(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("scale", "aggregation", "said"),
    [
        (EffectScale.RELATIVE, MetricAggregation.SUM, "10.5 % to 28.4 % higher"),
        (EffectScale.ABSOLUTE, MetricAggregation.SUM, "0.10 to 0.25 higher"),
        (
            EffectScale.ABSOLUTE,
            MetricAggregation.BINARY,
            "10.0 to 25.0 percentage points higher",
        ),
    ],
)
def test_an_effect_is_said_on_its_scale(
    scale: EffectScale, aggregation: MetricAggregation, said: str
) -> None:
    metric = make_metric_definition(name="orders", scale=scale, aggregation=aggregation)

    assert effect(MetricEvidence(metric=metric, bounds=Bounds(lower=0.1, upper=0.25))) == (
        f"orders are {said}"
    )


def test_percentage_points_are_named_once_unless_the_ends_differ_in_sign() -> None:
    metric = make_metric_definition(
        name="orders", scale=EffectScale.ABSOLUTE, aggregation=MetricAggregation.BINARY
    )
    found = [Bounds(lower=-0.25, upper=-0.1), Bounds(lower=-0.02, upper=0.03)]

    assert [effect(MetricEvidence(metric=metric, bounds=each)) for each in found] == [
        "orders are 10.0 to 25.0 percentage points lower",
        "orders are between 2.0 percentage points lower and 3.0 percentage points higher",
    ]


def test_no_bounds_are_no_numbers_and_endless_ones_do_not_overflow() -> None:
    metric = make_metric_definition(name="revenue")
    endless = Bounds(lower=-800.0, upper=800.0)

    assert effect(MetricEvidence(metric=metric, bounds=None)) == "revenue is not known yet"
    assert "between 100 % lower" in effect(MetricEvidence(metric=metric, bounds=endless))
    assert math.isfinite(endless.upper)


@pytest.mark.parametrize(("noun", "verb"), [("clicks", "are"), ("revenue", "is"), ("loss", "is")])
def test_the_verb_goes_with_the_noun(noun: str, verb: str) -> None:
    assert is_or_are(noun) == verb


def test_names_are_listed_as_one_says_them() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"
