"""Who gets what: what is decided before the store is asked."""

from itertools import count
from typing import Any

import pytest

from domain.assigning import AssignRequest, bucket_of, decide, sticky
from domain.assignments import Assigned, Assignment, AssignmentReason
from domain.bucketing import owner
from domain.errors import NotFound
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.running import Running
from tests.domain.refusals import faults
from tests.factories import NOON, make_assignment, make_design
from tests.fake_tracking import make_running

KEY = ExperimentKey(name="checkout")
ACTIVE = ExperimentStatus.ACTIVE
NOT_RUNNING = Assigned(reason=AssignmentReason.NOT_RUNNING)


def running(status: ExperimentStatus = ACTIVE, **changes: Any) -> Running:
    return make_running(make_design(status, **changes))


def ask(user_id: str = "ada", **changes: Any) -> AssignRequest:
    return AssignRequest(key=KEY, user_id=user_id, **changes)


def a_user(experiment: Running, *, within: bool) -> str:
    for number in count():
        place = bucket_of(experiment, f"u{number}")
        if (owner(experiment.ranges, place) is not None) is within:
            return f"u{number}"
    raise AssertionError


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ExperimentStatus.DRAFT, NOT_RUNNING),
        (ExperimentStatus.PAUSED, AssignmentReason.NOT_RUNNING),
        (ExperimentStatus.COMPLETED, AssignmentReason.NOT_RUNNING),
        (ExperimentStatus.ARCHIVED, NOT_RUNNING),
    ],
)
def test_where_nobody_is_enrolled_only_paused_and_completed_ones_keep_their_users(
    status: ExperimentStatus, expected: object
) -> None:
    assert decide(running(status), ask(), NOON) == expected


def test_a_user_of_the_traffic_is_to_be_enrolled_with_all_that_led_there() -> None:
    experiment = running(phase=7)
    said = ask(session_id="s", context={"country": "CH"}, metadata=[1])

    wanted = decide(experiment, said, NOON)

    assert isinstance(wanted, Assignment)
    found = owner(experiment.ranges, bucket_of(experiment, "ada"))
    assert found is not None
    assert wanted == make_assignment(
        id=wanted.id,
        experiment_id=experiment.experiment.id,
        variant_id=found.variant_id,
        user_id="ada",
        phase=7,
        session_id="s",
        bucket_value=bucket_of(experiment, "ada"),
        propensity=0.5,
        metadata=[1],
    )


def test_what_is_not_said_is_empty() -> None:
    wanted = decide(running(), ask(), NOON)

    assert isinstance(wanted, Assignment)
    assert (wanted.session_id, wanted.context, wanted.metadata) == (None, {}, {})


def test_a_user_outside_the_traffic_is_not_enrolled() -> None:
    experiment = running(traffic_allocation=0.5)

    outside = decide(experiment, ask(a_user(experiment, within=False)), NOON)
    inside = decide(experiment, ask(a_user(experiment, within=True)), NOON)

    assert outside is AssignmentReason.NOT_IN_TRAFFIC
    assert isinstance(inside, Assignment)
    assert inside.propensity == 0.5


def test_without_traffic_nobody_is_enrolled() -> None:
    experiment = running(traffic_allocation=0.0)

    decided = {decide(experiment, ask(f"u{n}"), NOON) for n in range(100)}

    assert decided == {AssignmentReason.NOT_IN_TRAFFIC}


def test_the_same_user_always_has_the_same_place() -> None:
    experiment = running()

    first, second = (decide(experiment, ask(), NOON) for _ in range(2))

    assert isinstance(first, Assignment)
    assert isinstance(second, Assignment)
    assert (first.variant_id, first.bucket_value) == (second.variant_id, second.bucket_value)
    assert first.id != second.id


@pytest.mark.parametrize("status", ExperimentStatus)
def test_a_variant_that_is_asked_for_is_given_whatever_the_state(status: ExperimentStatus) -> None:
    experiment = running(status, weights={"a": 1.0, "b": 0.0}, traffic_allocation=0.0)

    decided = decide(experiment, ask(force_variant="b"), NOON)

    assert decided == Assigned(reason=AssignmentReason.FORCED, variant=experiment.named("b"))


def test_a_variant_that_is_asked_for_has_to_exist() -> None:
    with pytest.raises(NotFound, match=r"^checkout has no variant 'B'$") as refused:
        decide(running(ExperimentStatus.DRAFT), ask(force_variant="B"), NOON)

    assert refused.value.path == ("force_variant",)


def test_who_was_assigned_keeps_the_variant_and_one_that_is_gone_is_none() -> None:
    experiment = running()
    kept = make_assignment(variant_id=next(iter(experiment.variants)))
    lost = make_assignment()

    assert sticky(experiment, kept) == Assigned(
        reason=AssignmentReason.STICKY,
        variant=experiment.variants[kept.variant_id],
        assignment=kept,
    )
    assert sticky(experiment, lost).variant is None


def test_all_that_is_wrong_with_a_request_is_said_at_once() -> None:
    request = AssignRequest(
        key=ExperimentKey(name="\0"),
        user_id="u" * 257,
        session_id="s" * 257,
        context={"a": float("nan")},
        metadata=[2**63],
    )

    assert faults(request.check) == [
        (("experiment",), "must not hold the character NUL"),
        (("user_id",), "has 257 characters: at most 256 are allowed"),
        (("session_id",), "has 257 characters: at most 256 are allowed"),
        (("context",), "must not hold NaN or Infinity"),
        (("metadata",), "must not hold an integer of more than 64 bits"),
    ]


def test_a_user_needs_an_id_and_any_text_of_256_characters_is_one() -> None:
    assert faults(ask("").check) == [(("user_id",), "must not be empty")]
    assert faults(ask("a\ud800").check) == [
        (("user_id",), "must not hold half of a surrogate pair")
    ]
    for sound in (" ", "🎉" * 256, "line\nbreak"):
        assert faults(ask(sound).check) == []
