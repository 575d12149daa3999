from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

import pytest

from domain import lifecycle
from domain.design import Design
from domain.errors import ErrorCode, Invalid, NotFound
from domain.experiments import Edit, ExperimentChanges, ExperimentStatus
from domain.lifecycle import IllegalTransition, allowed_transitions
from tests.factories import NOON, make_experiment, make_phase, make_variant

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


def make_design(status: ExperimentStatus = DRAFT, **weights: float) -> Design:
    """The first variant is the control."""
    experiment = make_experiment(name="checkout", status=status, phase=0 if status is DRAFT else 1)
    variant = partial(make_variant, experiment_id=experiment.id)
    variants = [
        variant(name=name, traffic_weight=weight, is_control=place == 0, position=place)
        for place, (name, weight) in enumerate((weights or {"a": 0.5, "b": 0.5}).items())
    ]
    return Design(experiment=experiment, variants=variants)


def unready(design: Design) -> list[str]:
    with pytest.raises(Invalid) as raised:
        lifecycle.start(design, NOON)
    assert {refusal.path for refusal in raised.value.refusals} == {("experiment",)}
    return [refusal.message for refusal in raised.value.refusals]


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
    design = make_design(a=0.25, b=0.75)

    edit = lifecycle.start(design, NOON)

    assert edit == Edit(
        changes=ExperimentChanges(status=ACTIVE, started_at=NOON, phase=1),
        phase=make_phase(
            experiment_id=design.experiment.id, number=1, weights={"a": 0.25, "b": 0.75}
        ),
    )


def test_the_first_phase_has_the_traffic_of_the_experiment() -> None:
    experiment = make_experiment(traffic_allocation=0.2)
    design = Design(experiment=experiment, variants=make_design().variants)

    phase = lifecycle.start(design, NOON).phase

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
    [(0.5, 0.4, "0.9"), (0.5, 0.6, "1.1"), (0.5, 0.500002, "1.000002"), (0.0, 0.0, "0")],
)
def test_the_weights_have_to_sum_to_one(first: float, second: float, said: str) -> None:
    assert unready(make_design(a=first, b=second)) == [
        f"the weights of the active variants must sum to 1, they sum to {said}"
    ]


def test_thirds_that_were_typed_in_are_near_enough() -> None:
    edit = lifecycle.start(make_design(a=0.3333333, b=0.3333333, c=0.3333333), NOON)

    assert edit.changes.status is ACTIVE


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
