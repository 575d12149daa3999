"""What a bandit's variants and comparisons show, against the same made from single users."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from domain.analysis.evaluation import evaluate
from domain.analysis.results import Effect
from tests.domain.analysis.bandits import (
    EXAMPLE,
    SPENDING,
    Draw,
    bandit,
    counted,
    draws,
    retired,
    shown,
)
from tests.domain.analysis.observing import (
    first_comparison,
)

Floats = NDArray[np.float64]

Z = float(ndtri(0.975))


def scores(of: list[Draw], *arms: int) -> Floats:
    """Over the epochs in which all of these had a weight."""
    held: Floats = np.concatenate([draw.scores() for draw in of])[:, arms]
    return held[~np.isnan(held).any(axis=1)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("arm", "place"), [(0, 0), (1, 1), (3, 2)])
def test_a_mean_is_that_of_the_scores_while_the_variant_had_traffic(
    seed: int, arm: int, place: int
) -> None:
    made = draws(seed)
    own = scores(made, arm)[:, 0]

    variant, _ = shown(evaluate(retired(bandit(SPENDING, made), 2)).results, place)

    half = Z * own.std() / math.sqrt(len(own))
    assert variant.mean == pytest.approx(own.mean(), rel=1e-9)
    assert variant.interval is not None
    assert variant.interval.lower == pytest.approx(own.mean() - half, rel=1e-9)
    assert variant.interval.upper == pytest.approx(own.mean() + half, rel=1e-9)
    assert variant.standard_deviation is None


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("arm", "place"), [(1, 1), (3, 2)])
def test_an_effect_is_that_of_the_scores_while_both_had_traffic(
    seed: int, arm: int, place: int
) -> None:
    made = draws(seed)
    one, other = scores(made, 0, arm).T

    _, compared = shown(evaluate(retired(bandit(SPENDING, made), 2)).results, place)

    assert compared is not None
    assert compared.absolute.estimate == pytest.approx(other.mean() - one.mean(), rel=1e-9)
    assert compared.relative.estimate == pytest.approx(other.mean() / one.mean() - 1, rel=1e-9)
    relative = other / other.mean() - one / one.mean()
    assert _error(compared.absolute) == pytest.approx(
        (other - one).std() / math.sqrt(len(one)), rel=1e-9
    )
    assert _log_error(compared.relative) == pytest.approx(
        relative.std() / math.sqrt(len(one)), rel=1e-9
    )


def test_the_worked_example_is_met() -> None:
    found = evaluate(counted(EXAMPLE)).results

    assert [each.mean for each in found.metrics[0].variants] == pytest.approx(
        [0.0939788, 0.1385528], abs=1e-7
    )
    compared = first_comparison(found)
    assert compared.absolute.estimate == pytest.approx(0.04457395371, abs=1e-11)
    assert _error(compared.absolute) == pytest.approx(0.02176841868, abs=1e-11)
    assert compared.relative.estimate == pytest.approx(math.expm1(0.3881818458), abs=1e-9)
    assert _log_error(compared.relative) == pytest.approx(0.2093556921, abs=1e-10)
    assert compared.chance_to_beat_control == pytest.approx(
        ndtr(0.3881818458 / 0.2093556921), abs=1e-9
    )


def test_values_near_ten_million_keep_their_small_variance() -> None:
    made = draws(7)
    high = [
        replace(
            draw,
            values=np.where(np.isnan(draw.values), 0.0, draw.values) + 1e7,
            plug_ins=tuple(mean + 1e7 for mean in draw.plug_ins),
        )
        for draw in made
    ]

    low_mean, low = shown(evaluate(bandit(SPENDING, made)).results, 1)
    high_mean, far = shown(evaluate(bandit(SPENDING, high)).results, 1)

    assert low is not None
    assert far is not None
    assert _error(far.absolute) == pytest.approx(_error(low.absolute), rel=1e-9)
    assert far.absolute.estimate == pytest.approx(low.absolute.estimate, abs=1e-8)
    assert high_mean.mean == pytest.approx((low_mean.mean or 0.0) + 1e7, abs=1e-8)


def test_what_nobody_expected_is_weighted_without_it() -> None:
    made = draws(8)
    plain = [replace(draw, plug_ins=(0.0,) * 4) for draw in made]
    seen = bandit(SPENDING, made)
    unsaid = replace(seen, phases=[replace(phase, plug_ins={}) for phase in seen.phases])

    found, _ = shown(evaluate(unsaid).results, 1)

    assert found.mean == pytest.approx(scores(plain, 1).mean(), rel=1e-9)


def test_caps_make_the_value_of_users_without_events() -> None:
    capped = replace(SPENDING, cap_low=2.0)
    made = draws(9)

    found, _ = shown(evaluate(bandit(capped, made)).results, 1)

    own = np.concatenate([draw.scores(absent=2.0)[:, 1] for draw in made])
    assert found.mean == pytest.approx(own.mean(), rel=1e-9)


def test_a_phase_that_was_opened_after_they_were_read_is_left_out() -> None:
    seen = bandit(SPENDING, draws(10))
    early = replace(seen, sums=[row for row in seen.sums if row.phase < 4])

    late = evaluate(replace(seen, phases=seen.phases[:3])).results
    known = evaluate(replace(early, phases=seen.phases[:3])).results

    effects = [first_comparison(each).absolute.estimate for each in (late, known)]
    assert effects[0] == pytest.approx(effects[1], rel=1e-12)
    assert late.sample_ratio == known.sample_ratio


def _error(effect: Effect) -> float:
    assert effect.credible is not None
    return (effect.credible.upper - effect.credible.lower) / 2 / Z


def _log_error(effect: Effect) -> float:
    assert effect.credible is not None
    return (math.log1p(effect.credible.upper) - math.log1p(effect.credible.lower)) / 2 / Z
