"""Traffic that changes while the experiment runs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain.analysis.evidence import ArmDecision, DecisionKind
from domain.analysis.results import ExperimentResults
from domain.analysis.sample_ratio import SampleRatioState
from domain.experiments import AllocationMode, ExperimentStatus
from domain.metrics import EffectScale, MetricAggregation
from tests.domain.analysis.observing import (
    SHARES,
    assigned,
    conversions,
    first_comparison,
    make_phases,
    make_sums,
    make_variants,
    measured,
    results,
)
from tests.factories import NOON, make_metric_definition

CONTROL, CLEAR = make_variants(SHARES)
LOPSIDED = {"control": 0.9, "clear": 0.1}


def in_two_phases(first: dict[str, float], users: tuple[int, int]) -> ExperimentResults:
    """Then as many in both; one of ten converts in the first phase, of seven in the second."""
    rows = [
        assigned(CONTROL, users[0], users[0] // 10, phase=1),
        assigned(CLEAR, users[1], users[1] // 10, phase=1),
        assigned(CONTROL, 7000, 1000, phase=2),
        assigned(CLEAR, 7000, 1000, phase=2),
    ]
    return results(
        [CONTROL, CLEAR], rows, phases=make_phases(first, SHARES), minimum_sample_size=8000
    )


def test_ramping_the_coverage_up_raises_no_alarm_and_merges_phases() -> None:
    shown = in_two_phases(SHARES, (500, 500))

    assert shown.sample_ratio.state is SampleRatioState.OK
    assert shown.sample_ratio.expected == (7500.0, 7500.0)
    assert first_comparison(shown).relative.estimate == 0.0
    assert first_comparison(shown).chance_to_beat_control == pytest.approx(0.5)


def test_new_weights_raise_no_alarm_and_make_no_effect_of_their_own() -> None:
    shown = in_two_phases(LOPSIDED, (9000, 1000))

    assert shown.sample_ratio.state is SampleRatioState.OK
    assert shown.sample_ratio.expected == (16000.0, 8000.0)
    control, clear = shown.metrics[0].variants
    assert control.mean is not None
    assert clear.mean is not None
    assert clear.mean / control.mean - 1 > 0.1  # time, not the variant
    compared = first_comparison(shown)
    assert compared.relative.estimate == pytest.approx(0.0, abs=1e-12)
    assert compared.chance_to_beat_control == pytest.approx(0.5)
    assert clear.probability_best == pytest.approx(0.5)
    assert shown.decision.kind is DecisionKind.KEEP_RUNNING


def test_what_moves_a_bandit_is_merged_over_all_weights() -> None:
    rows = [
        assigned(CONTROL, 900, 90, phase=1),
        assigned(CLEAR, 100, 10, phase=1),
        assigned(CONTROL, 500, 70, phase=2),
        assigned(CLEAR, 500, 80, phase=2),
    ]

    bandit = results(
        [CONTROL, CLEAR],
        rows,
        phases=make_phases(LOPSIDED, SHARES),
        allocation=AllocationMode.THOMPSON,
    )

    plain = conversions((160, 1400), (90, 600))
    assert [each.probability_best for each in bandit.metrics[0].variants] == [
        each.probability_best for each in plain.metrics[0].variants
    ]


def test_a_rate_whose_phases_cannot_be_merged_has_a_normal_posterior() -> None:
    compared = first_comparison(in_two_phases(LOPSIDED, (9000, 1000)))

    credible, fixed = compared.relative.credible, compared.relative.fixed
    assert credible is not None
    assert fixed is not None
    assert credible.lower == pytest.approx(fixed.interval.lower, rel=1e-3)


def test_a_phase_without_users_does_not_count() -> None:
    rows = [assigned(CONTROL, 4000, 400), assigned(CLEAR, 4000, 440)]
    later = [assigned(CONTROL, 4000, 400, phase=2), assigned(CLEAR, 4000, 440, phase=2)]

    plain = results([CONTROL, CLEAR], rows, minimum_sample_size=9000)
    waited = results(
        [CONTROL, CLEAR],
        later,
        phases=make_phases({"control": 0.6, "clear": 0.4}, SHARES),
        minimum_sample_size=7200,
    )

    assert first_comparison(waited).relative.credible == first_comparison(plain).relative.credible


def test_two_variants_that_keep_their_ratio_are_merged_whatever_a_third_one_gets() -> None:
    thirds = {"control": 0.25, "clear": 0.25, "bold": 0.5}
    variants = [CONTROL, CLEAR, *make_variants({"bold": 0.5})]
    rows = [assigned(each, 2000, 200, phase=1) for each in variants[:2]]
    rows += [assigned(each, 2000, 240, phase=2) for each in variants[:2]]
    phases = make_phases(thirds, {"control": 0.4, "clear": 0.4, "bold": 0.2})

    changed = results(variants, rows, phases=phases, minimum_sample_size=9000)
    same = results(variants, rows, phases=make_phases(thirds, thirds), minimum_sample_size=9000)

    assert first_comparison(changed).relative == first_comparison(same).relative


def test_a_mean_whose_phases_cannot_be_merged_is_ranked_within_them() -> None:
    metric = make_metric_definition(aggregation=MetricAggregation.SUM, scale=EffectScale.ABSOLUTE)
    counts = [(CONTROL, 1, 9000), (CLEAR, 1, 1000), (CONTROL, 2, 5000), (CLEAR, 2, 5000)]
    rows = [assigned(each, users, phase=phase) for each, phase, users in counts]
    rows += [
        measured(each, metric, make_sums(users, total=users * phase, squares=users * 9), phase)
        for each, phase, users in counts[:-1]
    ]
    rows.append(measured(CLEAR, metric, make_sums(5000, total=10_100, squares=45_000), 2))

    shown = results(
        [CONTROL, CLEAR], rows, definitions=[metric], phases=make_phases(LOPSIDED, SHARES)
    ).metrics[0]

    assert shown.comparisons[0].absolute.estimate == pytest.approx(0.01)
    chance = shown.comparisons[0].chance_to_beat_control
    assert chance == pytest.approx(0.6, abs=0.05)
    assert shown.variants[1].probability_best == pytest.approx(chance)


def test_counts_against_the_weights_raise_the_alarm_and_nothing_is_decided() -> None:
    shown = conversions((500, 5000), (900, 5600))

    assert shown.sample_ratio.state is SampleRatioState.ALARM
    assert shown.decision.kind is DecisionKind.INVESTIGATE


def test_an_alarm_stays_until_it_is_acknowledged() -> None:
    assert conversions((500, 5000), (500, 5000), alarmed=True).sample_ratio.state is (
        SampleRatioState.ALARM
    )


def test_at_the_planned_end_one_look_is_enough_for_an_alarm() -> None:
    running = conversions((500, 5000), (500, 5360))
    ended = conversions(
        (500, 5000), (500, 5360), status=ExperimentStatus.COMPLETED, completed_at=NOON
    )

    assert running.sample_ratio.state is SampleRatioState.WARNING
    assert ended.sample_ratio.state is SampleRatioState.ALARM


def test_a_retired_variant_is_counted_where_it_had_weight_and_compared_no_more() -> None:
    retired = replace(make_variants({"old": 0.5})[0], is_active=False, is_control=False)
    unused = replace(retired, id=CONTROL.experiment_id, name="unused")
    thirds = {"control": 0.25, "clear": 0.25, "old": 0.5}
    rows = [
        assigned(CONTROL, 250, phase=1),
        assigned(CLEAR, 250, phase=1),
        assigned(retired, 500, phase=1),
        assigned(CONTROL, 300, phase=2),
        assigned(CLEAR, 300, phase=2),
    ]

    shown = results([retired, CONTROL, unused, CLEAR], rows, phases=make_phases(thirds, SHARES))

    assert shown.sample_ratio.observed == (550, 550, 500)
    assert shown.sample_ratio.expected == (550.0, 550.0, 500.0)
    assert shown.total_assignments == 1600
    assert [each.variant for each in shown.metrics[0].variants] == [CONTROL, CLEAR]
    assert len(shown.metrics[0].comparisons) == 1


def test_users_of_a_retired_variant_that_was_promised_none_raise_the_alarm() -> None:
    retired = replace(make_variants({"old": 0.0})[0], is_active=False, is_control=False)
    rows = [assigned(CONTROL, 250), assigned(CLEAR, 250), assigned(retired, 1)]

    shown = results([CONTROL, CLEAR, retired], rows)

    assert shown.sample_ratio.observed == (250, 250, 1)
    assert shown.sample_ratio.state is SampleRatioState.ALARM


def test_users_of_a_phase_that_nobody_wrote_down_count_by_the_weights_of_today() -> None:
    rows = [assigned(CONTROL, 500), assigned(CLEAR, 520)]

    shown = results([CONTROL, CLEAR], rows, phases=[])

    assert shown.sample_ratio.expected == (510.0, 510.0)


def test_the_sharpest_sample_is_that_of_the_first_weights_for_good() -> None:
    """N* is the planned size of the smallest arm in both arms: 10 times 1000 by 0.9 and 0.1."""
    ramped = results(
        [CONTROL, CLEAR],
        [assigned(CONTROL, 9000, 900), assigned(CLEAR, 1000, 120)],
        phases=make_phases(LOPSIDED, SHARES),
        minimum_sample_size=1000,
    )
    planned = results(
        [CONTROL, CLEAR],
        [assigned(CONTROL, 9000, 900), assigned(CLEAR, 1000, 120)],
        phases=make_phases(SHARES),
        minimum_sample_size=5000,
    )

    assert first_comparison(ramped).relative.anytime == first_comparison(planned).relative.anytime


@pytest.mark.parametrize(
    ("users", "kind"),
    [(1699, DecisionKind.KEEP_RUNNING), (1700, DecisionKind.INCONCLUSIVE)],
)
def test_the_test_is_over_at_the_most_users_that_it_was_planned_for(
    users: int, kind: DecisionKind
) -> None:
    shown = conversions((170, users), (171, users), minimum_sample_size=1000, power=0.8)

    assert shown.decision.kind is kind


@pytest.mark.parametrize("status", [ExperimentStatus.COMPLETED, ExperimentStatus.ARCHIVED])
def test_the_test_is_over_when_it_is_completed(status: ExperimentStatus) -> None:
    shown = conversions((50, 500), (51, 500), status=status, completed_at=NOON)

    assert shown.decision.kind is DecisionKind.INCONCLUSIVE


@pytest.mark.parametrize(
    ("days", "ended", "kind"),
    [
        (6.9, None, DecisionKind.KEEP_RUNNING),
        (7.0, None, DecisionKind.SHIP),
        (30.0, 25.0, DecisionKind.KEEP_RUNNING),
    ],
)
def test_a_winner_runs_for_a_week_at_least(
    days: float, ended: float | None, kind: DecisionKind
) -> None:
    started = NOON - timedelta(days=days)
    completed = None if ended is None else NOON - timedelta(days=ended)

    shown = conversions(
        (400, 4000),
        (600, 4000),
        started_at=started,
        completed_at=completed,
        minimum_sample_size=4000,
    )

    assert shown.decision.kind is kind


def test_what_stands_and_what_was_planned_reach_the_decision() -> None:
    standing = ArmDecision(variant=CLEAR, kind=DecisionKind.ROLL_BACK, reason="It did harm.")
    rows = [assigned(CONTROL, 60_000, 6000), assigned(CLEAR, 60_000, 6010)]
    arms = [CONTROL, CLEAR]

    kept = results(arms, rows, standing={CLEAR.id: standing})
    crossed = results(arms, rows, crossover=0.02)
    same = results(arms, rows, planned_effect=0.1, minimum_sample_size=100_000)

    assert kept.decision.kind is DecisionKind.ROLL_BACK
    assert crossed.decision.kind is DecisionKind.INVESTIGATE
    assert same.decision.kind is DecisionKind.INCONCLUSIVE
    assert "no difference as large as the test was planned to find" in same.decision.reason
