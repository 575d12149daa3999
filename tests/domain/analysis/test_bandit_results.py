"""What is shown of a bandit, and what is not."""

import math

import numpy as np
import pytest
from scipy.special import chdtrc, ndtr, ndtri

from domain.analysis.beta_binomial import chances_to_be_best, posterior
from domain.analysis.evaluation import evaluate
from domain.analysis.notes import ResultNote
from domain.analysis.sample_ratio import SampleRatioState
from domain.experiments import AllocationMode
from domain.metrics import MetricAggregation, MetricDirection
from tests.domain.analysis.bandits import EXAMPLE, SPENDING, bandit, counted, drawn, draws, shown
from tests.domain.analysis.observing import (
    SHARES,
    assigned,
    first_comparison,
    make_observed,
    make_sums,
    make_variants,
    measured,
    numbers,
)
from tests.factories import make_metric_definition, make_phase


def test_what_moves_a_bandit_and_its_counts_are_the_plain_ones() -> None:
    found = evaluate(counted(EXAMPLE)).results

    control, clear = found.metrics[0].variants
    assert (control.users, control.conversions, control.total) == (370, 35, 35.0)
    assert (control.probability_best, clear.probability_best) == pytest.approx(
        chances_to_be_best([posterior(35, 370), posterior(116, 830)], MetricDirection.INCREASE)
    )
    assert control.standard_deviation is None


def test_a_planned_look_is_never_taken_nor_waited_for() -> None:
    compared = first_comparison(evaluate(counted(EXAMPLE, minimum_sample_size=100)).results)

    for effect in (compared.absolute, compared.relative):
        assert (effect.fixed, effect.notes) == (None, (ResultNote.NOT_FOR_BANDITS,))


def test_before_the_gate_the_estimate_is_the_weighted_one() -> None:
    compared = first_comparison(evaluate(counted(EXAMPLE[:2], alpha=0.05)).results)
    at_first = first_comparison(evaluate(counted(EXAMPLE[:1])).results)

    assert compared.absolute.anytime is not None
    assert at_first.absolute.estimate == pytest.approx(27 / 200 - 19 / 200)
    assert at_first.relative.estimate == pytest.approx(27 / 19 - 1)
    assert (at_first.relative.anytime, at_first.relative.credible) == (None, None)
    assert at_first.relative.notes == (
        ResultNote.TOO_FEW_OBSERVATIONS,
        ResultNote.NOT_FOR_BANDITS,
    )


def test_the_posterior_of_an_effect_is_normal_while_the_weights_are_still_equal() -> None:
    [compared] = (
        evaluate(counted([((0.5, 0.5), (0.1, 0.1), (500, 500), (50, 70))]))
        .results.metrics[0]
        .comparisons
    )

    credible, estimate = compared.relative.credible, compared.relative.estimate
    assert credible is not None
    assert estimate is not None
    middle = (math.log1p(credible.lower) + math.log1p(credible.upper)) / 2
    error = (math.log1p(credible.upper) - middle) / float(ndtri(0.975))
    assert middle == pytest.approx(math.log1p(estimate), rel=1e-9)
    assert compared.chance_to_beat_control == pytest.approx(ndtr(middle / error), rel=1e-9)


def test_a_mean_per_event_has_no_such_estimate() -> None:
    metric = make_metric_definition(aggregation=MetricAggregation.MEAN)

    variant, compared = shown(evaluate(bandit(metric, draws(11))).results, 1)

    assert compared is not None
    assert (variant.mean, variant.interval, variant.standard_deviation) == (None, None, None)
    for effect in (compared.absolute, compared.relative):
        assert (effect.estimate, effect.anytime, effect.credible) == (None, None, None)
        assert effect.notes == (ResultNote.NOT_FOR_BANDITS,)
    assert (compared.chance_to_beat_control, compared.expected_loss) == (None, None)


def test_a_variant_that_nobody_got_shows_nothing() -> None:
    variant, compared = shown(
        evaluate(counted([((0.9, 0.1), (0.2, 0.3), (50, 0), (9, 0))])).results, 1
    )

    assert compared is not None
    assert (variant.users, variant.mean, variant.interval) == (0, None, None)
    assert compared.relative.estimate is None
    assert compared.relative.notes == (ResultNote.NO_USERS, ResultNote.NOT_FOR_BANDITS)


@pytest.mark.parametrize(("converted", "mean"), [((0, 0), 0.0), ((40, 100), 1.0)])
def test_a_rate_stays_between_none_and_all(converted: tuple[int, int], mean: float) -> None:
    """100 of 180 users got an arm that half of them should have."""
    variant, _ = shown(
        evaluate(counted([((0.5, 0.5), (0.0, 0.0), (80, 100), converted)])).results, 1
    )

    assert variant.mean == mean
    assert variant.interval is None or variant.interval.upper == 1.0


@pytest.mark.parametrize(("total", "squares"), [("2e250", "4e500"), ("2e311", "4e620")])
def test_values_that_no_float_holds_are_not_shown(total: str, squares: str) -> None:
    arms = make_variants(SHARES)
    huge = make_sums(200, total=total, squares=squares)
    rows = [assigned(each, 200) for each in arms]
    rows += [measured(each, SPENDING, huge) for each in arms]

    found = evaluate(
        make_observed(arms, rows, definitions=[SPENDING], allocation=AllocationMode.THOMPSON)
    )

    assert all(map(math.isfinite, numbers(found.results.metrics)))
    assert first_comparison(found.results).absolute.anytime is None
    assert found.clocks == {}


def test_the_sample_ratio_of_two_hundred_epochs_is_that_of_each_one() -> None:
    rng = np.random.default_rng(12)
    made = [drawn(rng, rng.dirichlet([4.0] * 3).tolist(), 120) for _ in range(200)]
    counts = np.array([np.bincount(draw.arms, minlength=3) for draw in made])
    weights = np.array([draw.weights for draw in made])

    ratio = evaluate(bandit(SPENDING, made)).results.sample_ratio

    off = counts.sum(axis=0) - 120 * weights.sum(axis=0)
    spread = 120 * (np.diag(weights.sum(axis=0)) - weights.T @ weights)
    assert ratio.state is SampleRatioState.OK
    assert ratio.observed == tuple(counts.sum(axis=0).tolist())
    assert ratio.expected == pytest.approx(120 * weights.sum(axis=0))
    assert ratio.p_value == pytest.approx(
        chdtrc(2, off[:2] @ np.linalg.inv(spread[:2, :2]) @ off[:2])
    )


def test_users_dealt_out_evenly_whatever_the_epochs_promised_raise_the_alarm() -> None:
    rng = np.random.default_rng(13)
    made = [drawn(rng, (1.0, 1.0), 120) for _ in range(200)]
    promised = [(0.45, 0.55) if place % 2 else (0.42, 0.58) for place in range(200)]

    ratio = evaluate(
        bandit(
            SPENDING,
            made,
            phases=[
                make_phase(
                    number=number, weights=dict(zip(("control", "arm-1"), each, strict=True))
                )
                for number, each in enumerate(promised, 1)
            ],
        )
    ).results.sample_ratio

    assert ratio.state is SampleRatioState.ALARM
