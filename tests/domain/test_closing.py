"""What a transition leaves behind."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain import lifecycle
from domain.analysis import fixed_look
from domain.analysis.clocks import from_json
from domain.analysis.evaluation import evaluate
from domain.analysis.evidence import ArmDecision, DecisionKind
from domain.analysis.fixed_look import FixedLook
from domain.analysis.intervals import wilson_interval
from domain.analysis.observed import Observed
from domain.changes import given
from domain.closing import Closing, closing, published
from domain.experiments import AllocationMode, ExperimentStatus
from domain.metrics import EffectScale, MetricAggregation, MetricRole
from domain.results import Subject
from domain.snapshots import Snapshot, unpacked
from domain.sums import OWN
from domain.variants import Published, Tally
from tests.domain.analysis.observing import (
    assigned,
    make_observed,
    make_sums,
    make_variants,
    measured,
)
from tests.factories import NOON, make_design, make_metric_definition

COMPLETED, PAUSED = ExperimentStatus.COMPLETED, ExperimentStatus.PAUSED
THREE = {"a": 0.4, "b": 0.3, "c": 0.3}
SIZES = (400, 300, 300)


def observed(converted: tuple[int, int, int] = (40, 60, 90), **changes: Any) -> Observed:
    """Of 400, 300 and 300 users; the first variant is the control."""
    variants = make_variants(THREE)
    rows = [assigned(*each) for each in zip(variants, SIZES, converted, strict=True)]
    return make_observed(variants, rows, **changes)


def subject(seen: Observed, last: Snapshot | None = None) -> Subject:
    return Subject(
        experiment=seen.experiment,
        variants=seen.variants,
        definitions=seen.definitions,
        phases=seen.phases,
        last=last,
    )


def closed(seen: Observed, status: ExperimentStatus = COMPLETED) -> Closing:
    return closing(subject(seen), seen, status)


def test_it_is_kept_as_the_next_version_that_it_makes() -> None:
    seen = observed()

    held = closed(seen).snapshot

    assert (held.experiment_id, held.number, held.taken_at) == (seen.experiment.id, 1, NOON)
    assert (held.status, held.revision, held.is_kept) == (COMPLETED, seen.revision + 1, True)
    assert held.active == [str(variant.id) for variant in seen.variants]
    assert unpacked(held.sums) == seen.sums


def test_its_number_follows_that_of_the_last_one() -> None:
    seen = observed()
    last = replace(closed(seen, PAUSED).snapshot, number=41)

    assert closing(subject(seen, last), seen, COMPLETED).snapshot.number == 42


def test_it_is_no_older_than_the_last_one() -> None:
    seen, later = observed(), NOON + timedelta(seconds=1)
    last = replace(closed(seen, PAUSED).snapshot, taken_at=later)

    done = closing(subject(seen, last), seen, COMPLETED)

    assert (done.snapshot.taken_at, done.results.as_of) == (later, later)
    assert done.results.experiment.completed_at == later


def test_only_what_ends_it_ends_the_test() -> None:
    level = observed((40, 31, 30))

    assert [
        closed(level, status).results.decision.kind for status in (PAUSED, COMPLETED)
    ] == [DecisionKind.KEEP_RUNNING, DecisionKind.INCONCLUSIVE]  # fmt: skip


def test_what_would_be_shipped_wins() -> None:
    assert closed(observed()).shipped == "c"
    assert closed(observed((40, 30, 30))).shipped is None
    assert closed(observed((90, 30, 30))).shipped is None


def test_the_significance_is_that_of_the_winner() -> None:
    done = closed(observed((40, 60, 90)))
    found = {
        each.variant.name: each.relative.anytime.adjusted_p_value
        for each in done.results.metrics[0].comparisons
        if each.relative.anytime is not None
    }

    assert found["c"] < found["b"]
    assert (done.significance("b"), done.significance("c")) == (found["b"], found["c"])


@pytest.mark.parametrize("winner", ["a", None])
def test_where_no_treatment_wins_the_significance_is_that_of_the_strongest(
    winner: str | None,
) -> None:
    done = closed(observed((40, 60, 90)))

    assert done.significance(winner) == done.significance("c") != done.significance("b")


@pytest.mark.parametrize(("winner", "headline"), [("c", None), ("a", "b"), (None, "b")])
def test_a_winner_that_was_deactivated_has_no_significance(
    winner: str | None, headline: str | None
) -> None:
    seen = observed()
    retired = replace(
        seen, variants=[*seen.variants[:2], replace(seen.variants[2], is_active=False)]
    )

    done = closed(retired)

    assert done.significance("b") is not None
    assert done.significance(winner) == (headline and done.significance(headline))


@pytest.mark.parametrize("winner", ["a", "b", "c", None])
def test_where_nothing_can_be_told_there_is_no_significance(winner: str | None) -> None:
    assert closed(observed((24, 24, 24))).significance(winner) is None


def test_the_significance_is_that_of_the_primary_metric_on_its_own_scale() -> None:
    variants = make_variants({"a": 0.5, "b": 0.5})
    other = make_metric_definition(role=MetricRole.SECONDARY)
    primary = make_metric_definition(
        position=1, aggregation=MetricAggregation.SUM, scale=EffectScale.ABSOLUTE
    )
    values = make_sums(200, total=1000, squares=6000), make_sums(200, total=1300, squares=10000)
    rows = [assigned(variant, 200) for variant in variants]
    rows += [measured(*each) for each in zip(variants, [primary] * 2, values, strict=True)]

    done = closed(make_observed(variants, rows, definitions=[other, primary]))

    [compared] = done.results.metrics[1].comparisons
    assert compared.absolute.anytime is not None
    assert compared.relative.anytime is not None
    assert done.significance("b") == compared.absolute.anytime.adjusted_p_value
    assert done.significance("b") != compared.relative.anytime.adjusted_p_value


def test_the_columns_say_what_the_variants_say() -> None:
    interval = wilson_interval(30, 300, 0.05)
    assert interval is not None

    held = published(Tally(variant_id=UUID(int=1), users=300, conversions=30, value=12.5), 0.05)

    assert held == Published(
        impressions=300,
        conversions=30,
        conversion_rate=0.1,
        total_value=12.5,
        confidence_interval_lower=interval.lower,
        confidence_interval_upper=interval.upper,
    )


def test_the_columns_of_all_variants_are_written_over_all_phases() -> None:
    variants = make_variants(THREE)
    retired = replace(variants[1], is_active=False)
    rows = [
        assigned(variants[0], 10, 2, "0.1"),
        assigned(variants[0], 30, 3, "0.2", phase=2),
        assigned(retired, 5, 5, 9),
    ]

    columns = closed(make_observed([variants[0], retired, variants[2]], rows, alpha=0.1)).published

    assert [
        (columns[one.id].impressions, columns[one.id].conversions, columns[one.id].total_value)
        for one in variants
    ] == [(40, 5, 0.3), (5, 5, 9.0), (0, 0, 0.0)]
    assert columns[variants[2].id].confidence_interval_lower is None
    assert columns[retired.id] == published(
        Tally(variant_id=retired.id, users=5, conversions=5, value=9.0), 0.1
    )


def test_the_clocks_of_a_bandit_are_those_by_which_it_was_judged() -> None:
    seen = observed(allocation=AllocationMode.THOMPSON)
    b, c = (variant.id for variant in seen.variants[1:])
    known = {(OWN, b, EffectScale.RELATIVE): 0.25}

    done = closed(replace(seen, clocks=known), PAUSED)

    held = from_json(done.snapshot.clocks)
    assert held.keys() == {(OWN, variant, scale) for variant in (b, c) for scale in EffectScale}
    assert known.items() <= held.items()
    again = evaluate(replace(seen, clocks=held), may_look=False).results
    assert done.significance("c") == closed(replace(seen, clocks=held)).significance("c")
    assert [each.relative.anytime for each in again.metrics[0].comparisons] == [
        each.relative.anytime for each in done.results.metrics[0].comparisons
    ]


def test_what_was_found_for_good_is_handed_on() -> None:
    seen = observed((40, 31, 30))
    look = FixedLook(reached_at=NOON - timedelta(hours=1))
    b = seen.variants[1]
    standing = {b.id: ArmDecision(variant=b, kind=DecisionKind.SHIP, reason="b beats a.")}
    window = make_metric_definition(window_hours=9.0)

    held = closed(replace(seen, alarmed=True, fixed=look, definitions=[window]), PAUSED).snapshot
    shipped = closed(replace(seen, standing=standing), PAUSED).snapshot

    assert (held.alarmed, held.standing) == (True, {})
    assert held.fixed == fixed_look.to_json(look)
    assert shipped.standing == {str(b.id): {"kind": "ship", "reason": "b beats a."}}
    assert (shipped.alarmed, shipped.fixed) == (False, None)


@pytest.mark.parametrize(("named", "winner"), [("b", "b"), ("a", "a"), (None, "c")])
def test_who_is_named_wins_and_else_who_would_be_shipped(named: str | None, winner: str) -> None:
    design = make_design(ExperimentStatus.ACTIVE, THREE)
    done = closed(observed())

    edit = lifecycle.concluded(lifecycle.complete(design, named, NOON - timedelta(hours=1)), done)

    assert given(edit.changes) == {
        "status": COMPLETED,
        "completed_at": NOON,
        "winner_variant": winner,
        "statistical_significance": done.significance(winner),
    }


def test_no_other_move_names_a_winner() -> None:
    design = make_design(ExperimentStatus.ACTIVE, THREE)
    edit = lifecycle.archive(design, NOON)

    assert lifecycle.concluded(edit, closed(observed(), ExperimentStatus.ARCHIVED)) == edit
