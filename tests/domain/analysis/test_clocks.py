"""When the clocks of a bandit begin, and what they count."""

import json
import math
from dataclasses import replace

import pytest
from scipy.special import ndtri

from domain.analysis import clocks
from domain.analysis.evaluation import evaluate
from domain.analysis.evidence import DecisionKind
from domain.analysis.intervals import Interval
from domain.analysis.notes import ResultNote
from domain.analysis.observed import Observed
from domain.analysis.results import Effect
from domain.experiments import AllocationMode
from domain.ids import new_id
from domain.metrics import EffectScale
from tests.domain.analysis.bandits import EXAMPLE, Counts, counted
from tests.domain.analysis.observing import first_comparison

Z = float(ndtri(0.975))
RHO_SQUARED = 7.936154601737565 / 2_000  # of 1,000 users planned for each arm
LATER: list[Counts] = [*EXAMPLE, ((0.1, 0.9), (35.5 / 371, 116.5 / 831), (390, 3_610), (40, 505))]


def effects(observed: Observed, *, may_look: bool = False) -> dict[EffectScale, Effect]:
    compared = first_comparison(evaluate(observed, may_look=may_look).results)
    return {EffectScale.ABSOLUTE: compared.absolute, EffectScale.RELATIVE: compared.relative}


def by_then(seen: Observed, epochs: int) -> Observed:
    return replace(
        seen,
        phases=[phase for phase in seen.phases if phase.number <= epochs],
        sums=[row for row in seen.sums if row.phase <= epochs],
    )


def test_nothing_holds_at_every_look_until_the_clock_is_stored() -> None:
    for effect in effects(counted(EXAMPLE)).values():
        assert (effect.anytime, effect.estimate is None) == (None, False)
        assert effect.notes == (ResultNote.TOO_FEW_OBSERVATIONS, ResultNote.NOT_FOR_BANDITS)
    assert evaluate(counted(EXAMPLE), may_look=False).clocks == {}


def test_whoever_begins_a_clock_shows_what_everybody_sees_once_it_is_stored() -> None:
    seen = counted(EXAMPLE)
    taken = evaluate(seen)

    shown = effects(replace(seen, clocks=taken.clocks))

    assert shown == effects(seen, may_look=True)
    for effect in shown.values():
        assert effect.anytime is not None
        assert effect.notes == (ResultNote.NOT_FOR_BANDITS,)


def test_a_clock_begins_at_the_count_of_users() -> None:
    """Where the gate has opened: both scales at once for these counts."""
    seen = counted(EXAMPLE, minimum_sample_size=1_000)
    metric, treatment = seen.definitions[0].id, seen.variants[1].id

    found = evaluate(seen).clocks

    assert found == {
        (metric, treatment, EffectScale.ABSOLUTE): pytest.approx(
            RHO_SQUARED / (0.02176841868**2 * 1_200), rel=1e-8
        ),
        (metric, treatment, EffectScale.RELATIVE): pytest.approx(
            RHO_SQUARED / (0.2093556921**2 * 1_200), rel=1e-8
        ),
    }


def test_later_looks_count_information() -> None:
    seen = counted(LATER, minimum_sample_size=1_000)
    known = evaluate(by_then(seen, 3)).clocks

    later = replace(seen, clocks=known)

    assert evaluate(later).clocks == known
    for scale, effect in effects(later).items():
        assert effect.credible is not None
        assert effect.anytime is not None
        theta, error = of(effect.credible, scale)
        rate = next(rate for place, rate in known.items() if place[2] is scale)
        r = rate * error**2 * 5_200**2
        half = error * math.sqrt((1 + 1 / r) * math.log((1 + r) / 0.05**2))
        assert of(effect.anytime.interval, scale) == pytest.approx((theta, half / Z), rel=1e-9)


def test_a_clock_that_had_begun_earlier_counts_differently() -> None:
    seen = counted(LATER, minimum_sample_size=1_000)
    early = evaluate(by_then(seen, 3)).clocks

    intervals = [
        effects(replace(seen, clocks=each))[EffectScale.ABSOLUTE].anytime
        for each in (early, evaluate(seen).clocks)
    ]

    assert intervals[0] != intervals[1]


def test_clocks_begin_one_by_one_and_those_of_others_are_handed_on() -> None:
    """Between 25 conversions and 100 users the relative scale is open, the absolute one shut."""
    first: list[Counts] = [((0.5, 0.5), (0.0, 0.0), (60, 140), (26, 90))]
    seen = counted(first)
    other = {(new_id(), new_id(), EffectScale.RELATIVE): 0.25}

    found = evaluate(replace(seen, clocks=other)).clocks

    assert found.keys() - other.keys() == {
        (seen.definitions[0].id, seen.variants[1].id, EffectScale.RELATIVE)
    }
    assert other.items() <= found.items()


def test_a_clock_outlives_a_gate_that_closes_again() -> None:
    seen = counted(EXAMPLE)
    known = evaluate(seen).clocks

    closed = evaluate(replace(by_then(seen, 1), clocks=known))

    assert closed.clocks == known
    assert first_comparison(closed.results).absolute.anytime is None


def test_a_clock_comes_back_from_json_to_the_last_digit() -> None:
    known = evaluate(counted(EXAMPLE)).clocks

    held = json.loads(json.dumps(clocks.to_json(known)))

    assert clocks.from_json(held) == known
    assert len(known) == 2


def test_where_the_traffic_does_not_follow_the_results_there_are_no_clocks() -> None:
    assert evaluate(counted(EXAMPLE, allocation=AllocationMode.FIXED)).clocks == {}


@pytest.mark.parametrize(
    ("converted", "kind"),
    [
        ((40, 505), DecisionKind.KEEP_RUNNING),
        ((40, 1_200), DecisionKind.SHIP),
        ((120, 120), DecisionKind.ROLL_BACK),
    ],
)
def test_the_decision_goes_by_them(converted: tuple[int, int], kind: DecisionKind) -> None:
    weights, plug_ins, users, _ = LATER[3]

    seen = counted([*EXAMPLE, (weights, plug_ins, users, converted)], minimum_sample_size=5_000)

    assert evaluate(seen).results.decision.kind is kind


def of(interval: Interval, scale: EffectScale) -> tuple[float, float]:
    """The estimate and its error that a normal interval was made of."""
    ends = interval.lower, interval.upper
    lower, upper = map(math.log1p, ends) if scale is EffectScale.RELATIVE else ends
    return (lower + upper) / 2, (upper - lower) / 2 / Z
