import math
from itertools import product

import pytest

from domain.analysis.comparison import (
    Arm,
    Inference,
    Pair,
    caution,
    effect,
    fixed,
    gate,
    lift_interval,
)
from domain.analysis.notes import ResultNote
from domain.analysis.sequential import anytime
from domain.analysis.sums import Sums
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.arms import converted, many, one_user, pair_of

RELATIVE, ABSOLUTE = EffectScale.RELATIVE, EffectScale.ABSOLUTE
BINARY, SUM, MEAN = MetricAggregation.BINARY, MetricAggregation.SUM, MetricAggregation.MEAN
GOOD = converted(500, 1_000)
TOO_FEW, LOW = ResultNote.TOO_FEW_OBSERVATIONS, ResultNote.LOW_PRECISION


def _arm(n: int, mean: float, precision: float) -> Arm:
    return Arm(n=n, total=n * mean, mean=mean, u=(mean / precision) ** 2)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("other", "relative", "absolute"),
    [
        (converted(0, 0), ResultNote.NO_USERS, ResultNote.NO_USERS),
        (converted(0, 1_000), TOO_FEW, TOO_FEW),
        (converted(24, 1_000), TOO_FEW, TOO_FEW),
        (converted(25, 1_000), None, None),
        (converted(975, 1_000), None, None),
        (converted(976, 1_000), TOO_FEW, TOO_FEW),
        (converted(1_000, 1_000), TOO_FEW, TOO_FEW),
        (converted(25, 50), None, TOO_FEW),
        (converted(25, 99), None, TOO_FEW),
        (converted(25, 100), None, None),
        (converted(1, 1), TOO_FEW, TOO_FEW),
    ],
)
def test_rates_need_25_users_either_way(
    other: Sums, relative: ResultNote | None, absolute: ResultNote | None, swapped: bool
) -> None:
    pair = pair_of(other, GOOD, BINARY) if swapped else pair_of(GOOD, other, BINARY)

    assert gate(pair, BINARY, RELATIVE) is relative
    assert gate(pair, BINARY, ABSOLUTE) is absolute


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("other", "relative", "absolute"),
    [
        (_arm(99, 10.0, 50.0), TOO_FEW, TOO_FEW),
        (_arm(100, 10.0, 50.0), None, None),
        (_arm(100, 10.0, 5.001), None, None),
        (_arm(100, 10.0, 4.999), TOO_FEW, None),
        (_arm(100, -10.0, 50.0), ResultNote.BASELINE_NOT_POSITIVE, None),
        (_arm(100, 0.0, 50.0), ResultNote.BASELINE_NOT_POSITIVE, None),
    ],
)
def test_means_need_users_and_on_the_relative_scale_precision(
    other: Arm, relative: ResultNote | None, absolute: ResultNote | None, swapped: bool
) -> None:
    good = _arm(100, 11.0, 30.0)
    pair = Pair(control=other, treatment=good) if swapped else Pair(control=good, treatment=other)

    for aggregation in (SUM, MetricAggregation.COUNT, MEAN):
        assert gate(pair, aggregation, RELATIVE) is relative
        assert gate(pair, aggregation, ABSOLUTE) is absolute


def test_constants_have_no_error() -> None:
    pair = pair_of(many(["3"] * 100), many(["4"] * 100), SUM)

    assert [gate(pair, SUM, scale) for scale in EffectScale] == [ResultNote.ZERO_VARIANCE] * 2


def test_no_events_yet_are_too_few() -> None:
    pair = pair_of(Sums(users=500), many(["3", "4"] * 60), MEAN)

    assert gate(pair, MEAN, RELATIVE) is ResultNote.TOO_FEW_OBSERVATIONS


@pytest.mark.parametrize(
    ("precision", "relative"),
    [(5.0, ResultNote.LOW_PRECISION), (9.99, ResultNote.LOW_PRECISION), (10.01, None)],
)
def test_a_mean_of_little_precision_is_shown_with_a_caution(
    precision: float, relative: ResultNote | None
) -> None:
    pair = Pair(control=_arm(900, 10.0, 30.0), treatment=_arm(900, 10.0, precision))

    assert caution(pair, SUM, RELATIVE) is relative
    assert caution(pair, SUM, ABSOLUTE) is None
    assert caution(pair, BINARY, RELATIVE) is None
    assert caution(Pair(control=None, treatment=None), SUM, RELATIVE) is None


ODDITIES = [
    Sums(users=0),
    Sums(users=200),
    one_user(1),
    one_user("-1e15"),
    converted(200, 200),
    converted(30, 200),
    many(["-3", "3"] * 100),
    many(["-3", "2"] * 100),
    many(["1e15"] * 200),
    many(["1e15", "999999999999999.999999999999"] * 100),
    many(["0.000000000001"] * 199 + ["0"]),
    many(["1"] * 25).plus(Sums(users=10**9)),
]


def _numbers(inference: Inference) -> tuple[float, ...]:
    interval, lifted = inference.interval, lift_interval(inference.interval)
    ends = interval.lower, interval.upper, lifted.lower, lifted.upper
    return (inference.p, inference.log_p, *ends)


@pytest.mark.parametrize("scale", EffectScale)
@pytest.mark.parametrize("aggregation", MetricAggregation)
def test_what_passes_the_gate_has_an_effect_and_every_effect_is_finite(
    aggregation: MetricAggregation, scale: EffectScale
) -> None:
    held = [each for each in ODDITIES if aggregation is not BINARY or 0 <= each.total <= each.users]
    pairs = [pair_of(control, treatment, aggregation) for control, treatment in product(held, held)]

    effects = [effect(pair, scale) for pair in pairs]

    admitted = [gate(pair, aggregation, scale) is None for pair in pairs]
    assert 0 < sum(admitted) < len(pairs)
    for estimate, passed in zip(effects, admitted, strict=True):
        assert estimate is not None or not passed
        if estimate is not None:
            assert all(map(math.isfinite, _numbers(fixed(estimate, 0.05))))
            assert all(map(math.isfinite, _numbers(anytime(estimate, 1e-9, 0.05))))
            assert all(map(math.isfinite, _numbers(anytime(estimate, 1e9, 1e-300))))
