import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.analysis.evaluation import Evaluation, evaluate
from domain.analysis.fixed_look import FixedLook, from_json, to_json
from domain.analysis.notes import ResultNote
from domain.analysis.observed import Observed
from domain.analysis.results import Effect
from domain.experiments import AllocationMode
from tests.domain.analysis.observing import (
    SHARES,
    assigned,
    make_observed,
    make_sums,
    make_variants,
    measured,
)
from tests.factories import NOON, make_metric_definition

CONTROL, CLEAR = make_variants(SHARES)
HOUR = timedelta(hours=1)


def observed(control: int, clear: int, **changes: Any) -> Observed:
    """A tenth converts in control, an eighth in the treatment."""
    rows = [assigned(CONTROL, control, control // 10), assigned(CLEAR, clear, clear // 8)]
    return make_observed([CONTROL, CLEAR], rows, **changes)


def headline(evaluation: Evaluation) -> Effect:
    return evaluation.results.metrics[0].comparisons[0].relative


def test_before_every_arm_has_its_planned_sample_there_is_no_look() -> None:
    early = evaluate(observed(5000, 999))

    assert (early.fixed, headline(early).fixed) == (None, None)
    assert headline(early).notes == (ResultNote.PLANNED_SAMPLE_NOT_REACHED,)


def test_the_first_results_with_the_planned_sample_take_it_and_hand_it_out_to_be_stored() -> None:
    due = evaluate(observed(1000, 1000))

    assert due.fixed is not None
    assert (due.fixed.reached_at, due.fixed.taken_at) == (NOON, NOON)
    assert [held.inference for held in due.fixed.inferences] == [
        due.results.metrics[0].comparisons[0].relative.fixed,
        due.results.metrics[0].comparisons[0].absolute.fixed,
    ]
    assert headline(due).fixed is not None
    assert headline(due).notes == ()


def test_what_was_stored_is_shown_unchanged_whatever_comes_later() -> None:
    first = evaluate(observed(1000, 1000))

    later = evaluate(observed(9000, 9000, fixed=first.fixed, as_of=NOON + 9 * HOUR))

    assert later.fixed is None
    assert headline(later).fixed == headline(first).fixed
    assert headline(later).anytime != headline(first).anytime


def test_at_an_earlier_time_the_look_has_not_been_taken() -> None:
    taken = evaluate(observed(1000, 1000)).fixed

    before = evaluate(observed(1000, 1000, fixed=taken, as_of=NOON - HOUR))

    assert (before.fixed, headline(before).fixed) == (None, None)


def windowed(users: int, **changes: Any) -> Observed:
    metric = make_metric_definition(window_hours=24.0)
    rows = [assigned(CONTROL, users), assigned(CLEAR, users)]
    rows += [measured(each, metric, make_sums(users // 10)) for each in (CONTROL, CLEAR)]
    return make_observed([CONTROL, CLEAR], rows, definitions=[metric], **changes)


def test_a_look_waits_for_the_windows_of_its_users_to_close() -> None:
    reached = evaluate(windowed(1000))
    waiting = evaluate(windowed(1500, fixed=reached.fixed, as_of=NOON + 23 * HOUR))
    due = evaluate(windowed(2000, fixed=reached.fixed, as_of=NOON + 24 * HOUR))

    assert reached.fixed == FixedLook(reached_at=NOON)
    assert (headline(reached).fixed, waiting.fixed, headline(waiting).fixed) == (None, None, None)
    assert due.fixed is not None
    assert (due.fixed.reached_at, due.fixed.taken_at) == (NOON, NOON + 24 * HOUR)
    assert headline(due).fixed is not None


def test_what_could_not_be_told_at_that_look_is_never_told() -> None:
    first = evaluate(observed(200, 200, minimum_sample_size=100))

    later = evaluate(observed(5000, 5000, minimum_sample_size=100, fixed=first.fixed))

    assert headline(first).notes == (ResultNote.TOO_FEW_OBSERVATIONS,)
    assert headline(later).fixed is None
    assert headline(later).anytime is not None
    assert headline(later).notes == (ResultNote.TOO_FEW_OBSERVATIONS,)


def test_a_variant_that_came_after_the_look_has_none() -> None:
    first = evaluate(observed(1000, 1000))
    bold = replace(CLEAR, id=CONTROL.experiment_id, name="bold")
    more = observed(1000, 1000, fixed=first.fixed)
    rows = [*more.sums, assigned(bold, 5000, 600)]

    later = evaluate(replace(more, variants=[CONTROL, CLEAR, bold], sums=rows))

    kept, new = later.results.metrics[0].comparisons
    assert later.fixed is None
    assert kept.relative.fixed == headline(first).fixed
    assert (new.relative.fixed, new.relative.notes) == (
        None,
        (ResultNote.PLANNED_SAMPLE_NOT_REACHED,),
    )


def test_a_variant_alone_has_no_look() -> None:
    alone = make_observed([CONTROL], [assigned(CONTROL, 5000, 500)])

    assert evaluate(alone).fixed is None


def test_bandits_have_no_look() -> None:
    assert evaluate(observed(5000, 5000, allocation=AllocationMode.THOMPSON)).fixed is None


@pytest.mark.parametrize("users", [1000, 200])
def test_a_look_comes_back_from_json_as_it_went(users: int) -> None:
    look = evaluate(observed(users, users, minimum_sample_size=100)).fixed
    assert look is not None

    assert from_json(json.loads(json.dumps(to_json(look)))) == look


def test_a_look_that_waits_comes_back_from_json_too() -> None:
    waiting = FixedLook(reached_at=NOON)

    assert from_json(json.loads(json.dumps(to_json(waiting)))) == waiting
