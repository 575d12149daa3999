import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from domain import lifecycle
from domain.design import Design
from domain.errors import ErrorCode, NotFound
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.lifecycle import IllegalTransition, allowed_transitions
from domain.variants import VariantChanges
from tests.domain.designs import applied, arm, weights
from tests.domain.refusals import faults
from tests.factories import NOON, make_design, make_experiment, make_phase, make_variant

DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED = ExperimentStatus
ALLOWED = {
    DRAFT: (ACTIVE, ARCHIVED),
    ACTIVE: (PAUSED, COMPLETED, ARCHIVED),
    PAUSED: (ACTIVE, COMPLETED, ARCHIVED),
    COMPLETED: (ARCHIVED,),
    ARCHIVED: (),
}
MOVES: dict[str, tuple[Callable[[Design, datetime], Edit], ExperimentStatus]] = {
    "start": (lifecycle.start, ACTIVE),
    "pause": (lifecycle.pause, PAUSED),
    "resume": (lifecycle.resume, ACTIVE),
    "complete": (lambda design, now: lifecycle.complete(design, None, now), COMPLETED),
    "archive": (lifecycle.archive, ARCHIVED),
}
POSSIBLE = {
    ("start", DRAFT),
    ("pause", ACTIVE),
    ("resume", PAUSED),
    ("complete", ACTIVE),
    ("complete", PAUSED),
    ("archive", DRAFT),
    ("archive", ACTIVE),
    ("archive", PAUSED),
    ("archive", COMPLETED),
}
EVERY = [(move, status) for move in MOVES for status in ExperimentStatus]


def unready(design: Design) -> list[str]:
    found = faults(lambda: lifecycle.start(design, NOON))
    assert {path for path, _ in found} <= {("experiment",)}
    return [message for _, message in found]


@pytest.mark.parametrize("status", list(ExperimentStatus))
def test_each_status_tells_what_it_may_become(status: ExperimentStatus) -> None:
    assert allowed_transitions(status) == ALLOWED[status]


@pytest.mark.parametrize(("move", "status"), sorted(POSSIBLE))
def test_an_allowed_move_leads_where_it_says(move: str, status: ExperimentStatus) -> None:
    decide, target = MOVES[move]

    assert decide(make_design(status), NOON).changes.status is target


@pytest.mark.parametrize(("move", "status"), [pair for pair in EVERY if pair not in POSSIBLE])
def test_every_other_move_is_refused_and_says_what_is_allowed(
    move: str, status: ExperimentStatus
) -> None:
    decide, target = MOVES[move]

    with pytest.raises(IllegalTransition) as raised:
        decide(make_design(status), NOON)

    refusal = raised.value
    assert (refusal.source, refusal.target) == (status, target)
    assert refusal.allowed == ALLOWED[status]
    assert (refusal.code, refusal.path) == (ErrorCode.ILLEGAL_TRANSITION, ("experiment",))


@pytest.mark.parametrize(
    ("move", "status", "message"),
    [
        ("pause", DRAFT, "DRAFT and cannot become PAUSED: allowed is ACTIVE, ARCHIVED"),
        ("start", COMPLETED, "COMPLETED and cannot become ACTIVE: allowed is ARCHIVED"),
        ("archive", ARCHIVED, "ARCHIVED and cannot become ARCHIVED: allowed is nothing"),
        ("start", PAUSED, "PAUSED and cannot become ACTIVE: resume it instead"),
        ("resume", DRAFT, "DRAFT and cannot become ACTIVE: start it instead"),
    ],
)
def test_a_refusal_is_a_sentence(move: str, status: ExperimentStatus, message: str) -> None:
    decide, _ = MOVES[move]

    with pytest.raises(IllegalTransition) as raised:
        decide(make_design(status), NOON)

    assert raised.value.message == f"checkout is {message}"


def test_a_start_opens_the_first_phase() -> None:
    design = make_design(weights={"a": 0.25, "b": 0.75})

    edit = lifecycle.start(design, NOON)

    assert edit == Edit(
        changes=ExperimentChanges(status=ACTIVE, started_at=NOON, phase=1),
        phase=make_phase(
            experiment_id=design.experiment.id, number=1, weights={"a": 0.25, "b": 0.75}
        ),
    )


def test_the_first_phase_has_the_traffic_of_the_experiment() -> None:
    phase = lifecycle.start(make_design(traffic_allocation=0.2), NOON).phase

    assert phase is not None
    assert phase.traffic_allocation == 0.2


@pytest.mark.parametrize(
    ("move", "status"), [(move, status) for move, status in sorted(POSSIBLE) if move != "start"]
)
def test_no_other_move_opens_a_phase_or_sets_the_start(move: str, status: ExperimentStatus) -> None:
    decide, target = MOVES[move]

    edit = decide(make_design(status), NOON)

    changes = ExperimentChanges(status=target)
    if target is COMPLETED:
        changes = replace(changes, completed_at=NOON, winner_variant=None)
    assert edit == Edit(changes=changes)


def test_everything_that_keeps_it_from_starting_is_said_at_once() -> None:
    lonely = make_variant(name="b", traffic_weight=0.5)
    design = Design(experiment=make_experiment(), variants=[lonely])

    assert unready(design) == [
        "needs at least two active variants to start, it has 1",
        "exactly one active variant must be the control, 0 are",
        "the weights of the active variants must sum to 1, they sum to 0.5",
    ]


def test_an_experiment_without_variants_does_not_start() -> None:
    assert unready(Design(experiment=make_experiment(), variants=[])) == [
        "needs at least two active variants to start, it has 0",
        "exactly one active variant must be the control, 0 are",
        "the weights of the active variants must sum to 1, they sum to 0",
    ]


def test_inactive_variants_count_for_nothing() -> None:
    variants = [
        make_variant(traffic_weight=0.5, is_control=True, is_active=False),
        make_variant(traffic_weight=0.5),
        make_variant(traffic_weight=0.5),
    ]
    design = Design(experiment=make_experiment(), variants=variants)

    assert unready(design) == ["exactly one active variant must be the control, 0 are"]


def test_two_controls_are_one_too_many() -> None:
    variants = [make_variant(traffic_weight=0.5, is_control=True) for _ in range(2)]
    design = Design(experiment=make_experiment(), variants=variants)

    assert unready(design) == ["exactly one active variant must be the control, 2 are"]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (0.5, 0.4, "0.9"),
        (0.5, 0.6, "1.1"),
        (0.5, 0.4996, "0.9996"),
        (0.5, 0.50031, "1.00031"),
        (0.0, 0.0, "0"),
    ],
)
def test_the_weights_have_to_sum_to_one(first: float, second: float, said: str) -> None:
    assert unready(make_design(weights={"a": first, "b": second})) == [
        f"the weights of the active variants must sum to 1, they sum to {said}"
    ]


def test_three_times_a_third_with_two_places_is_not_one() -> None:
    design = make_design(weights={"a": 0.33, "b": 0.33, "c": 0.33})

    assert unready(design) == ["the weights of the active variants must sum to 1, they sum to 0.99"]


def test_thirds_that_were_rounded_become_thirds() -> None:
    design = make_design(weights={"a": 0.3333, "b": 0.3333, "c": 0.3333})

    edit = lifecycle.start(design, NOON)

    third = VariantChanges(traffic_weight=1 / 3)
    assert edit.changed == {variant.id: third for variant in design.variants}
    assert edit.phase is not None
    assert edit.phase.weights == {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}


@pytest.mark.parametrize(
    ("rounded", "count"), [(0.1667, 6), (0.1429, 7), (0.1111, 9), (0.0909, 11)]
)
def test_shares_with_four_places_become_exact(rounded: float, count: int) -> None:
    design = make_design(weights={f"v{place}": rounded for place in range(count)})

    started = applied(design, lifecycle.start(design, NOON))

    assert [*weights(started).values()] == pytest.approx([1 / count] * count, rel=1e-15)
    assert math.fsum(weights(started).values()) == pytest.approx(1.0, rel=0, abs=1e-15)


def test_rounded_weights_keep_their_proportions() -> None:
    design = make_design(weights={"a": 0.25, "b": 0.2501, "c": 0.5})

    started = applied(design, lifecycle.start(design, NOON))

    assert weights(started) == pytest.approx(
        {"a": 0.25 / 1.0001, "b": 0.2501 / 1.0001, "c": 0.5 / 1.0001}, rel=1e-15
    )


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.1] * 10, [1 / 3] * 3, [1.0, 0.0]], ids=repr)
def test_weights_that_sum_to_one_are_left_alone(shares: list[float]) -> None:
    design = make_design(weights={f"v{place}": share for place, share in enumerate(shares)})

    edit = lifecycle.start(design, NOON)

    assert edit.changed == {}
    assert edit.phase is not None
    assert edit.phase.weights == weights(design)


def test_the_weight_of_an_inactive_variant_is_not_made_exact() -> None:
    design = make_design(weights={"a": 0.5, "b": 0.5001})
    gone = make_variant(name="c", traffic_weight=0.3, is_active=False)

    edit = lifecycle.start(replace(design, variants=[*design.variants, gone]), NOON)

    assert set(edit.changed) == {arm(design, "a").id, arm(design, "b").id}
    assert edit.phase is not None
    assert set(edit.phase.weights) == {"a", "b"}


@pytest.mark.parametrize("status", [ACTIVE, PAUSED])
def test_completion_may_name_a_winner(status: ExperimentStatus) -> None:
    edit = lifecycle.complete(make_design(status), "b", NOON)

    assert edit.changes == ExperimentChanges(
        status=COMPLETED, completed_at=NOON, winner_variant="b"
    )


@pytest.mark.parametrize("winner", ["c", "", "B", "\0"])
def test_the_winner_is_one_of_the_variants(winner: str) -> None:
    with pytest.raises(NotFound) as raised:
        lifecycle.complete(make_design(ACTIVE), winner, NOON)

    assert raised.value.message == f"checkout has no variant {winner!r}"
    assert raised.value.path == ("winner",)


def test_a_draft_is_not_completed_whoever_won() -> None:
    with pytest.raises(IllegalTransition):
        lifecycle.complete(make_design(DRAFT), "nobody", NOON)
