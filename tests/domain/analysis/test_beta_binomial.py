import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln
from scipy.stats import beta

from domain.analysis.beta_binomial import (
    UNIFORM,
    Posterior,
    chance_to_beat,
    chances_to_be_best,
    credible_lift,
    expected_losses,
    lift_cdf,
    lift_quantile,
    posterior,
)
from domain.metrics import MetricDirection

INCREASE, DECREASE = MetricDirection
JEFFREYS = Posterior(a=0.5, b=0.5)

EXAMPLE = (posterior(37, 640), posterior(52, 655), posterior(41, 622))
COUNTS = {
    "nobody": [(0, 0), (0, 0)],
    "one user each": [(0, 1), (1, 1)],
    "one empty arm": [(0, 0), (0, 3_000_000)],
    "almost no conversions": [(0, 3_000_000), (3, 3_000_000)],
    "none and all": [(0, 3_000_000), (3_000_000, 3_000_000)],
    "almost all": [(3_000_000, 3_000_000), (2_999_998, 3_000_000), (1, 1)],
    "the worked example": [(37, 640), (52, 655), (41, 622)],
    "half of millions": [(1_500_000, 3_000_000), (1_501_000, 3_000_000), (5, 10)],
    "all sizes": [(30_000, 3_000_000), (30_100, 3_000_000), (30, 2_999), (300_000, 2_999_999)],
    "a dozen": [(10, 100)] * 12,
}
ARMS = [[posterior(*counts) for counts in arms] for arms in COUNTS.values()]


def test_the_posterior_adds_what_was_seen_to_the_prior() -> None:
    assert posterior(37, 640) == Posterior(a=38.0, b=604.0)
    assert posterior(37, 640, JEFFREYS) == Posterior(a=37.5, b=603.5)
    assert posterior(0, 0) == Posterior(a=1.0, b=1.0)
    assert posterior(1, 2).mean == 0.5
    assert posterior(1, 2).sd == pytest.approx(beta.std(2, 2), rel=1e-15)


@pytest.mark.parametrize(("conversions", "users"), [(-1, 5), (6, 5)])
def test_more_conversions_than_users_have_no_posterior(conversions: int, users: int) -> None:
    with pytest.raises(ValueError, match=f"{conversions} of {users} users"):
        posterior(conversions, users)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (1.0, 0.49), (math.nan, 1.0), (1.0, math.inf)])
def test_parameters_that_the_quadrature_cannot_follow_are_refused(a: float, b: float) -> None:
    with pytest.raises(ValueError, match="two finite parameters"):
        Posterior(a=a, b=b)


def test_the_worked_example_is_met() -> None:
    control, second, third = EXAMPLE

    assert chance_to_beat(second, control, INCREASE) == pytest.approx(0.9366821947, abs=1e-10)
    assert chance_to_beat(third, control, INCREASE) == pytest.approx(0.7242537269, abs=1e-10)
    assert chances_to_be_best(EXAMPLE, INCREASE) == pytest.approx(
        [0.0431682445, 0.7893948113, 0.1674369442], abs=1e-10
    )
    assert expected_losses(EXAMPLE, INCREASE) == pytest.approx(
        [0.02314144, 0.00166176, 0.01502378], abs=1e-8
    )


def test_the_lift_of_the_worked_example_is_met() -> None:
    control, second, _ = EXAMPLE

    assert lift_quantile(second, control, 0.5) == pytest.approx(0.3661481822, abs=1e-10)
    assert credible_lift(second, control, 0.95) == pytest.approx(
        (-0.0840978275, 1.0589723527), abs=1e-10
    )


@pytest.mark.parametrize(
    ("treatment", "control", "within"),
    [
        ((0, 1), (1, 1), 1e-10),
        ((0, 0), (0, 1_000), 1e-10),
        ((1_000, 1_000), (999, 1_000), 1e-10),
        ((500, 1_000), (520, 1_000), 1e-10),
        ((3, 17), (190, 983), 1e-10),
        ((10_100, 100_000), (10_000, 100_000), 1e-8),
        ((400, 1_000_000), (350, 1_000_000), 1e-8),
    ],
)
def test_the_chance_to_beat_control_agrees_with_the_closed_form(
    treatment: tuple[int, int], control: tuple[int, int], within: float
) -> None:
    arms = posterior(*treatment), posterior(*control)

    assert chance_to_beat(*arms, INCREASE) == pytest.approx(_closed_form(*arms), abs=within)


@pytest.mark.parametrize("arms", ARMS, ids=COUNTS)
def test_some_arm_is_best(arms: list[Posterior]) -> None:
    for direction in MetricDirection:
        chances = chances_to_be_best(arms, direction)

        assert math.fsum(chances) == pytest.approx(1.0, abs=1e-12)
        assert min(chances) >= 0


def test_a_single_arm_is_best_at_no_loss() -> None:
    assert chances_to_be_best(EXAMPLE[:1], DECREASE) == pytest.approx([1.0], abs=1e-13)
    assert expected_losses(EXAMPLE[:1], DECREASE) == (0.0,)


@pytest.mark.parametrize("arms", ARMS, ids=COUNTS)
def test_two_losses_differ_as_the_means_do(arms: list[Posterior]) -> None:
    for one, other in pairwise(arms):
        gained, lost = expected_losses((one, other), INCREASE)
        saved, spent = expected_losses((one, other), DECREASE)

        assert gained - lost == pytest.approx(other.mean - one.mean, abs=1e-12)
        assert saved - spent == pytest.approx(one.mean - other.mean, abs=1e-12)


@pytest.mark.parametrize("arms", ARMS, ids=COUNTS)
def test_fewer_conversions_are_more_failures(arms: list[Posterior]) -> None:
    mirrored = [Posterior(a=arm.b, b=arm.a) for arm in arms]

    assert chances_to_be_best(arms, DECREASE) == pytest.approx(
        chances_to_be_best(mirrored, INCREASE), abs=1e-12
    )
    assert expected_losses(arms, DECREASE) == pytest.approx(
        expected_losses(mirrored, INCREASE), abs=1e-12
    )


def test_a_loss_too_small_for_a_difference_keeps_its_digits() -> None:
    ahead, behind = posterior(600, 1_000), posterior(300, 1_000)

    tiny = expected_losses((ahead, behind, behind), INCREASE)[0]

    assert tiny == pytest.approx(2 * _loss(ahead, behind), rel=1e-8, abs=0)
    assert 0 < tiny < 1e-40


@pytest.mark.parametrize("prior", [UNIFORM, JEFFREYS], ids=["uniform", "jeffreys"])
def test_the_ends_of_the_lift_leave_the_tails_out(prior: Posterior) -> None:
    rates = [(0, 40), (37, 640), (9_990, 10_000), (640, 640), (0, 40), (9_990, 10_000), (37, 640)]

    for treatment, control in pairwise(rates):
        pair = posterior(*treatment, prior), posterior(*control, prior)
        lower, upper = credible_lift(*pair, 0.9)

        assert lift_cdf(math.log1p(lower), *pair) == pytest.approx(0.05, abs=1e-10)
        assert lift_cdf(math.log1p(upper), *pair) == pytest.approx(0.95, abs=1e-10)


@pytest.mark.parametrize("arms", ARMS, ids=COUNTS)
def test_a_lift_below_nothing_is_the_chance_to_lose(arms: list[Posterior]) -> None:
    for one, other in pairwise(arms):
        assert lift_cdf(0.0, one, other) == pytest.approx(
            chance_to_beat(other, one, INCREASE), abs=1e-12
        )


@pytest.mark.parametrize("log_ratio", [-3.0, -0.5, 0.02, 1.2])
@pytest.mark.parametrize("arms", ARMS, ids=COUNTS)
def test_a_lift_is_read_alike_from_both_sides(arms: list[Posterior], log_ratio: float) -> None:
    for one, other in pairwise(arms):
        below, above = lift_cdf(log_ratio, one, other), lift_cdf(-log_ratio, other, one)

        assert below + above == pytest.approx(1.0, abs=1e-11)


@pytest.mark.parametrize("arms", ARMS, ids=COUNTS)
def test_every_lift_is_a_number_whatever_was_counted(arms: list[Posterior]) -> None:
    for one, other in pairwise(arms):
        lower, upper = credible_lift(one, other, 0.999)

        assert -1 <= lower < upper < math.inf


def test_a_lift_beyond_the_usual_bounds_is_found() -> None:
    all_converted, none_converted = posterior(3_000_000, 3_000_000), posterior(0, 3_000_000)

    _, upper = credible_lift(all_converted, none_converted, 0.9999)

    assert upper > math.exp(20)
    assert lift_cdf(math.log1p(upper), all_converted, none_converted) == pytest.approx(0.99995)


@pytest.mark.parametrize("level", [-0.1, 1.0, math.nan])
def test_an_interval_of_all_or_less_than_nothing_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="the level is"):
        credible_lift(*EXAMPLE[:2], level)


def test_jeffreys_prior_is_integrated_up_to_its_poles() -> None:
    squared, tripled = Posterior(a=2.0, b=1.0), Posterior(a=1.5, b=1.0)
    rooted = Posterior(a=0.5, b=1.0)

    assert chance_to_beat(squared, JEFFREYS, INCREASE) == pytest.approx(0.625, abs=1e-12)
    assert chance_to_beat(JEFFREYS, squared, DECREASE) == pytest.approx(0.625, abs=1e-12)
    assert chance_to_beat(rooted, tripled, INCREASE) == pytest.approx(0.25, abs=1e-12)


def _closed_form(treatment: Posterior, control: Posterior) -> float:
    i = np.arange(treatment.a)
    terms = (
        betaln(control.a + i, treatment.b + control.b)
        - np.log(treatment.b + i)
        - betaln(1 + i, treatment.b)
        - betaln(control.a, control.b)
    )
    return math.fsum(np.exp(terms))


def _loss(chosen: Posterior, other: Posterior) -> float:
    def worse_and_better(x: float) -> float:
        return float(beta.cdf(x, chosen.a, chosen.b) * beta.sf(x, other.a, other.b)) * 1e40

    value, _ = quad(worse_and_better, 0.3, 0.6, epsabs=0, epsrel=1e-10, limit=200)
    return float(value) / 1e40
