"""What trackers do, on a log in memory."""

from typing import Any

import pytest

from domain.assigning import AssignRequest
from domain.assignments import Assigned, AssignmentReason, ExperimentNotRunning, NotAssigned
from domain.errors import InvalidInput, NotFound, Unavailable
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.reporting import ConvertRequest, Recorded, TrackRequest
from domain.running import Running
from domain.tracking import Outcome, PageRequest, Tracker
from tests.domain.stored import HOME, stored
from tests.domain.street import BY_NAME, Street, checkout_of
from tests.fake_tracking import FakeLog

NEW, STICKY, FORCED, NOT_IN_TRAFFIC, NOT_RUNNING = AssignmentReason
NOWHERE = ExperimentKey(name="nowhere")


@pytest.fixture
async def street() -> Street:
    street = Street()
    checkout_of(street)
    return street


@pytest.fixture
def log() -> FakeLog:
    return FakeLog()


@pytest.fixture
async def tracker(street: Street, log: FakeLog) -> Tracker:
    return Tracker(street.process, log, street.clock.now)


def ask(user_id: str = "ada", key: ExperimentKey = BY_NAME, **more: Any) -> AssignRequest:
    return AssignRequest(key=key, user_id=user_id, **more)


def convert(user_id: str = "ada", key: ExperimentKey = BY_NAME, **more: Any) -> ConvertRequest:
    return ConvertRequest(key=key, user_id=user_id, **more)


def track(user_id: str = "ada", key: ExperimentKey = BY_NAME, **more: Any) -> TrackRequest:
    return TrackRequest(key=key, user_id=user_id, event_type="order", **more)


def told(outcomes: list[Outcome[Assigned]]) -> list[object]:
    return [one.reason if isinstance(one, Assigned) else type(one) for one in outcomes]


def heard(outcomes: list[Outcome[Recorded]]) -> list[object]:
    return [one.is_new if isinstance(one, Recorded) else type(one) for one in outcomes]


async def paused(street: Street) -> Running:
    found = await street.find()
    street.process.forget(street.change(found.experiment, status=ExperimentStatus.PAUSED))
    return found


async def test_a_user_is_new_once_and_keeps_the_variant(tracker: Tracker, log: FakeLog) -> None:
    [first] = await tracker.assign(HOME, [ask()])
    [second] = await tracker.assign(HOME, [ask()])

    assert isinstance(first, Assigned)
    assert isinstance(second, Assigned)
    assert (first.reason, second.reason) == (NEW, STICKY)
    assert first.assignment == second.assignment == next(iter(log.held.values()))
    assert first.variant is not None
    assert first.variant == second.variant


async def test_of_a_user_who_stands_twice_in_a_batch_the_first_is_new(tracker: Tracker) -> None:
    outcomes = await tracker.assign(HOME, [ask("bob"), ask(), ask("bob")])

    assert told(outcomes) == [NEW, NEW, STICKY]


async def test_answers_come_in_order_and_one_bad_item_spoils_none(
    street: Street, tracker: Tracker, log: FakeLog
) -> None:
    stored(street.memory, name="off", status=ExperimentStatus.PAUSED)
    off = ExperimentKey(name="off")

    outcomes = await tracker.assign(
        HOME,
        [
            ask(""),
            ask("ada"),
            ask("ada", NOWHERE),
            ask("ada", off),
            ask("bob"),
            ask("eve", force_variant="b"),
            ask("eve", force_variant="z"),
            ask("ada"),
        ],
    )

    invalid = type(outcomes[0]).__name__
    assert (invalid, told(outcomes)[1:]) == (
        "Invalid",
        [NEW, NotFound, NOT_RUNNING, NEW, FORCED, NotFound, STICKY],
    )
    assert sorted(user for _, user in log.held) == ["ada", "bob"]
    assert log.calls == [("enrol", 3), ("find", 1)]


async def test_what_needs_no_log_asks_it_nothing(tracker: Tracker, log: FakeLog) -> None:
    outcomes = await tracker.assign(HOME, [ask(force_variant="a"), ask("")])

    assert told(outcomes)[0] is FORCED
    assert await tracker.assign(HOME, []) == []
    assert log.calls == []


async def test_a_user_of_a_paused_experiment_keeps_the_variant_and_nobody_joins(
    street: Street, tracker: Tracker, log: FakeLog
) -> None:
    await tracker.assign(HOME, [ask("ada")])
    await paused(street)

    assert told(await tracker.assign(HOME, [ask("bob"), ask("ada")])) == [NOT_RUNNING, STICKY]
    assert len(log.held) == 1


async def test_a_log_that_is_away_answers_for_its_items_alone(
    tracker: Tracker, log: FakeLog
) -> None:
    log.fault = Unavailable()

    outcomes = await tracker.assign(HOME, [ask(), ask(force_variant="a"), ask("")])

    assert told(outcomes)[:2] == [Unavailable, FORCED]


async def test_conversions_and_events_are_answered_in_order_too(
    street: Street, tracker: Tracker, log: FakeLog
) -> None:
    draft = ExperimentKey(name=stored(street.memory, name="draft").name)
    await tracker.assign(HOME, [ask("ada"), ask("bob")])

    converted = await tracker.convert(
        HOME, [convert("eve"), convert(), convert(key=draft), convert(value=2e15), convert()]
    )
    tracked = await tracker.track(
        HOME, [track(event_id="e"), track("eve"), track(key=NOWHERE), track(event_id="e"), track()]
    )

    assert heard(converted)[:3] == [NotAssigned, True, ExperimentNotRunning]
    assert heard(converted)[4] is False
    assert heard(tracked) == [True, NotAssigned, NotFound, False, True]
    assert log.calls[1:] == [("convert", 3), ("track", 4)]


async def test_the_first_value_of_a_conversion_stands(tracker: Tracker) -> None:
    await tracker.assign(HOME, [ask()])

    [first] = await tracker.convert(HOME, [convert(value=5.0)])
    [second] = await tracker.convert(HOME, [convert(value=7.0)])

    assert isinstance(first, Recorded)
    assert isinstance(second, Recorded)
    assert second.assignment == first.assignment
    assert (second.assignment.conversion_value, second.is_new) == (5.0, False)


async def test_batches_are_bounded(tracker: Tracker, log: FakeLog) -> None:
    message = "^has 501 entries: at most 500 are allowed$"

    for asked in (
        tracker.assign(HOME, [ask()] * 501),
        tracker.convert(HOME, [convert()] * 501),
        tracker.track(HOME, [track()] * 501),
        tracker.assign_all(
            HOME, PageRequest(user_id="ada", experiments={str(n): BY_NAME for n in range(501)})
        ),
    ):
        with pytest.raises(InvalidInput, match=message):
            await asked
    assert log.calls == []
    assert len(await tracker.assign(HOME, [ask()] * 500)) == 500


async def test_a_pages_experiments_are_those_for_its_address(
    street: Street, tracker: Tracker, log: FakeLog
) -> None:
    stored(street.memory, name="any", status=ExperimentStatus.ACTIVE, target_url=None)
    stored(street.memory, name="basket", status=ExperimentStatus.ACTIVE, target_url="*/basket")
    stored(street.memory, name="draft", target_url=None)

    here = PageRequest(user_id="ada", url="https://shop.example/checkout?x=1")
    found = await tracker.assign_all(HOME, here)
    everywhere = await tracker.assign_all(HOME, PageRequest(user_id="ada"))

    assert [name for name, _ in found] == ["any", "checkout"]
    assert told([outcome for _, outcome in found]) == [NEW, NEW]
    assert [name for name, _ in everywhere] == ["any", "basket", "checkout"]
    assert told([outcome for _, outcome in everywhere]) == [STICKY, NEW, STICKY]


async def test_experiments_that_a_page_names_are_called_by_its_words(tracker: Tracker) -> None:
    named = {"mine": BY_NAME, "other": NOWHERE}

    found = await tracker.assign_all(HOME, PageRequest(user_id="ada", experiments=named))

    assert [name for name, _ in found] == ["mine", "other"]
    assert told([outcome for _, outcome in found]) == [NEW, NotFound]


async def test_explaining_says_what_assigning_would_and_enrols_nobody(
    tracker: Tracker, log: FakeLog
) -> None:
    before = await tracker.explain(HOME, BY_NAME, "ada")
    assert log.held == {}
    [assigned] = await tracker.assign(HOME, [ask()])
    after = await tracker.explain(HOME, BY_NAME, "ada")

    assert isinstance(assigned, Assigned)
    assert (before.assigned.reason, before.assigned.assignment) == (NEW, None)
    assert before.assigned.variant == assigned.variant
    assert after.assigned == Assigned(
        reason=STICKY, variant=assigned.variant, assignment=assigned.assignment
    )
    assert assigned.assignment is not None
    assert before.bucket_value == after.bucket_value == assigned.assignment.bucket_value


async def test_explaining_tells_who_is_left_out_and_what_is_missing(
    street: Street, tracker: Tracker, log: FakeLog
) -> None:
    await paused(street)
    stored(street.memory, name="none", status=ExperimentStatus.ACTIVE, traffic_allocation=0.0)

    none = await tracker.explain(HOME, ExperimentKey(name="none"), "ada")
    off = await tracker.explain(HOME, BY_NAME, "ada")

    assert none.assigned == Assigned(reason=NOT_IN_TRAFFIC)
    assert off.assigned == Assigned(reason=NOT_RUNNING)
    with pytest.raises(NotFound):
        await tracker.explain(HOME, NOWHERE, "ada")
    log.fault = Unavailable()
    with pytest.raises(Unavailable):
        await tracker.explain(HOME, BY_NAME, "ada")
