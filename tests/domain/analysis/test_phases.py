import numpy as np
import pytest

from domain.analysis.comparison import Arm, Pair, Phase, arm, effect, fixed, gate, paired
from domain.analysis.notes import ResultNote
from domain.analysis.sums import Sums
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.arms import converted, many, phase

BINARY, SUM, MEAN = MetricAggregation.BINARY, MetricAggregation.SUM, MetricAggregation.MEAN
EARLY = phase(converted(180, 1_800), converted(24, 200), (0.9, 0.1))
LATE = phase(converted(70, 500), converted(81, 500), (0.5, 0.5))
SCARCE = phase(converted(9, 60), converted(8, 49), (0.6, 0.4))


def _rate(conversions: int, users: int) -> Arm:
    found = arm(converted(conversions, users), BINARY)
    assert found is not None
    return found


def test_phases_of_one_ratio_are_merged() -> None:
    ramped = [
        phase(converted(3, 30), converted(1, 10), (0.15, 0.05)),
        phase(converted(50, 600), converted(21, 200), (0.75, 0.25)),
        phase(Sums(users=0), Sums(users=0), (0.5, 0.5)),
    ]

    assert paired(ramped, BINARY) == Pair(control=_rate(53, 630), treatment=_rate(22, 210))


def test_a_third_share_written_short_keeps_its_ratio() -> None:
    phases = [
        phase(converted(30, 100), converted(31, 100), (0.1 + 0.2, 0.1 + 0.2)),
        phase(converted(30, 100), converted(31, 100), (0.3, 0.3)),
    ]

    assert paired(phases, BINARY) == Pair(control=_rate(60, 200), treatment=_rate(62, 200))


def test_phases_of_several_ratios_are_weighted_by_their_users() -> None:
    stratified = paired([EARLY, LATE], BINARY)

    control, treatment = stratified.control, stratified.treatment
    assert control is not None
    assert treatment is not None
    assert (control.n, treatment.n, control.total, treatment.total) == (2_300, 700, 250.0, 105.0)
    assert control.mean == pytest.approx((2 * 0.1 + 0.14) / 3)
    assert treatment.mean == pytest.approx((2 * 0.12 + 0.162) / 3)
    assert control.u == pytest.approx((4 * 0.1 * 0.9 / 1_800 + 0.14 * 0.86 / 500) / 9)
    assert treatment.u == pytest.approx((4 * 0.12 * 0.88 / 200 + 0.162 * 0.838 / 500) / 9)
    assert stratified.left_out == ()


def test_a_phase_with_fewer_than_50_users_in_an_arm_is_left_out_and_named() -> None:
    with_it = paired([EARLY, SCARCE, LATE], BINARY)
    without = paired([EARLY, LATE], BINARY)

    assert (with_it.control, with_it.treatment) == (without.control, without.treatment)
    assert with_it.left_out == (1,)


def test_50_users_in_either_arm_are_enough() -> None:
    enough = phase(converted(9, 60), converted(8, 50), (0.6, 0.4))

    assert paired([EARLY, enough], BINARY).left_out == ()


def test_a_phase_before_the_treatment_began_is_left_out() -> None:
    before = phase(converted(400, 1_000), Sums(users=0), (1.0, 0.0))

    assert paired([before, LATE], BINARY) == Pair(
        control=_rate(70, 500), treatment=_rate(81, 500), left_out=(0,)
    )


def test_a_phase_after_the_control_ended_is_left_out() -> None:
    after = phase(Sums(users=0), converted(400, 1_000), (0.0, 1.0))

    assert paired([LATE, after], BINARY) == Pair(
        control=_rate(70, 500), treatment=_rate(81, 500), left_out=(1,)
    )


def test_a_phase_without_users_is_nothing_to_report() -> None:
    opened = phase(Sums(users=0), Sums(users=0), (0.2, 0.8))

    assert paired([EARLY, opened, LATE], BINARY) == paired([EARLY, LATE], BINARY)


def test_a_phase_without_events_has_no_mean_per_event() -> None:
    silent = phase(Sums(users=80), Sums(users=70), (0.9, 0.1))
    heard = phase(many(["3", "5"] * 30), many(["4", "7"] * 30))

    assert paired([silent, heard], MEAN).left_out == (0,)
    assert paired([silent, heard], SUM).left_out == ()


def test_where_all_phases_are_left_out_there_are_too_few_observations() -> None:
    later = phase(converted(40, 90), converted(9, 30), (0.9, 0.1))
    pair = paired([SCARCE, later], BINARY)

    assert pair == Pair(control=None, treatment=None, left_out=(0, 1))
    assert gate(pair, BINARY, EffectScale.RELATIVE) is ResultNote.TOO_FEW_OBSERVATIONS


@pytest.mark.parametrize(
    "phases", [[], [phase(converted(3, 9), Sums(users=0))], [phase(Sums(users=0), Sums(users=0))]]
)
def test_there_is_no_pair_without_users(phases: list[Phase]) -> None:
    pair = paired(phases, BINARY)

    assert pair == Pair(control=None, treatment=None, without_users=True)
    assert gate(pair, BINARY, EffectScale.ABSOLUTE) is ResultNote.NO_USERS


def _false_positives(weights: tuple[float, float], scale: EffectScale) -> int:
    """In 10,000 A/A tests: 90/10 at a rate of 10%, then 50/50 at 14%."""
    generator = np.random.default_rng(1)
    plan = ((4_500, 0.10), (500, 0.10), (2_500, 0.14), (2_500, 0.14))
    draws = [generator.binomial(users, chance, 10_000).tolist() for users, chance in plan]
    found = 0
    for row in zip(*draws, strict=True):
        arms = [converted(count, users) for count, (users, _) in zip(row, plan, strict=True)]
        pair = paired([phase(arms[0], arms[1], weights), phase(arms[2], arms[3])], BINARY)
        estimate = effect(pair, scale)
        assert estimate is not None
        found += fixed(estimate, 0.05).p < 0.05
    return found


@pytest.mark.parametrize("scale", EffectScale)
def test_changed_weights_do_not_mix_the_effect_with_time(scale: EffectScale) -> None:
    assert 445 <= _false_positives((0.9, 0.1), scale) <= 557


def test_merging_would_have_mixed_them() -> None:
    assert _false_positives((0.5, 0.5), EffectScale.ABSOLUTE) > 5_000
