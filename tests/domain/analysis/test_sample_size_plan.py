import math
from typing import Any

import pytest

from domain.analysis.planning import SampleSizeInput, SampleSizePlan, plan
from tests.domain.refusals import Fault, faults


def make_input(**changes: Any) -> SampleSizeInput:
    given: dict[str, Any] = {"baseline": 0.045, "minimum_detectable_effect": 5.1 / 4.5 - 1}
    return SampleSizeInput(**(given | changes))


def refused(**changes: Any) -> list[Fault]:
    return faults(lambda: plan(make_input(**changes)))


def test_a_rate_takes_so_many_users_in_each_of_two_arms() -> None:
    assert plan(make_input()) == SampleSizePlan(
        users_per_variant=19_956, users_total=39_912, days=None
    )


def test_each_of_three_treatments_gets_a_third_of_alpha() -> None:
    assert plan(make_input(variants=4)) == SampleSizePlan(
        users_per_variant=26_618, users_total=4 * 26_618, days=None
    )


def test_a_standard_deviation_makes_it_a_mean() -> None:
    ours = plan(make_input(baseline=20.0, standard_deviation=35.0, minimum_detectable_effect=0.05))

    assert ours.users_per_variant == 20_196


def test_a_small_mean_may_be_planned_to_pass_1() -> None:
    tripled = make_input(baseline=0.5, standard_deviation=1.0, minimum_detectable_effect=2.0)

    assert plan(tripled).users_per_variant == 53


def test_traffic_makes_days_of_whole_weeks() -> None:
    assert plan(make_input(users_per_day=5_702)).days == 7.0
    assert plan(make_input(users_per_day=5_701)).days == 14.0


def test_alpha_and_power_are_heeded() -> None:
    loose, strict = plan(make_input(alpha=0.1)), plan(make_input(alpha=0.01, power=0.95))

    assert loose.users_per_variant == 15_720
    assert strict.users_per_variant == 45_293


def test_a_drop_is_planned_for_as_well() -> None:
    assert plan(make_input(minimum_detectable_effect=-0.1)).users_per_variant == 31_757


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("baseline", 0.0, "is 0: it must lie between 0 and 1"),
        ("baseline", 1.0, "is 1: it must lie between 0 and 1"),
        ("baseline", -0.1, "is -0.1: it must lie between 0 and 1"),
        ("baseline", math.nan, "is nan: it must lie between 0 and 1"),
        ("minimum_detectable_effect", 0.0, "must not be 0: no number of users finds it"),
        (
            "minimum_detectable_effect",
            22.0,
            "takes a rate of 0.045 to 1 or more: give 0.05 for 5 %",
        ),
        ("minimum_detectable_effect", -1.0, "is -1: it must be above -1"),
        ("minimum_detectable_effect", math.inf, "is inf: it must be above -1 and finite"),
        ("minimum_detectable_effect", math.nan, "is nan: it must be above -1"),
        ("minimum_detectable_effect", 1e-9, "is too small: it takes more than 10^15 users"),
        ("minimum_detectable_effect", 1e-300, "is too small: it takes more than 10^15 users"),
        ("standard_deviation", 0.0, "is 0: it must be above 0"),
        ("standard_deviation", math.nan, "is nan: it must be above 0"),
        ("alpha", 0.0, "is 0: it must lie between 0 and 1"),
        ("alpha", 1.0, "is 1: it must lie between 0 and 1"),
        ("power", 0.0, "is 0: it must lie between 0.05 and 1"),
        ("power", 1.0, "is 1: it must lie between 0.05 and 1"),
        ("power", 0.05, "is 0.05: it must lie between 0.05 and 1"),
        ("variants", 1, "is 1: it must be from 2 to 100"),
        ("variants", 101, "is 101: it must be from 2 to 100"),
        ("users_per_day", 0.0, "is 0: it must be above 0"),
        ("users_per_day", math.nan, "is nan: it must be above 0"),
        ("users_per_day", 1e-300, "is so small that the test would never end"),
    ],
)
def test_what_cannot_be_planned_is_refused(field: str, value: float, message: str) -> None:
    assert refused(**{field: value}) == [((field,), message)]


@pytest.mark.parametrize("baseline", [0.0, -3.0, math.inf])
def test_a_mean_must_be_above_0_because_the_effect_is_relative(baseline: float) -> None:
    faults_found = refused(baseline=baseline, standard_deviation=1.0)

    assert [path for path, _ in faults_found] == [("baseline",)]


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = refused(
        baseline=2.0,
        minimum_detectable_effect=0.0,
        alpha=7.0,
        power=7.0,
        variants=0,
        users_per_day=-1.0,
    )

    assert [path for (path,), _ in wrong] == [
        "baseline",
        "alpha",
        "power",
        "variants",
        "users_per_day",
        "minimum_detectable_effect",
    ]


@pytest.mark.parametrize("baseline", [5e-324, 1e-300, 0.5, 1 - 1e-16])
@pytest.mark.parametrize("effect", [-1 + 1e-16, -1e-16, 1e-16, 1e300])
@pytest.mark.parametrize("deviation", [None, 5e-324, 1e-300, 1e300])
def test_absurd_numbers_are_planned_or_refused(
    baseline: float, effect: float, deviation: float | None
) -> None:
    faults_found = refused(
        baseline=baseline, minimum_detectable_effect=effect, standard_deviation=deviation
    )

    assert len(faults_found) <= 1
