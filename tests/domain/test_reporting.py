"""What trackers may report: every bound, and what is said of what lies beyond it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.assignments import ExperimentNotRunning
from domain.errors import InvalidInput, Path
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.reporting import (
    CONVERSION,
    MAX_VALUE,
    ONE_CONVERSION,
    ConvertRequest,
    TrackRequest,
    require_reports,
)
from domain.running import Running
from tests.domain.refusals import Fault, faults
from tests.factories import NOON, make_assignment, make_design, make_metric
from tests.fake_tracking import make_running

KEY = ExperimentKey(name="checkout")
INSTANT = timedelta(microseconds=1)
DAY = timedelta(hours=24)
BEYOND = 1_000_000_000_000_001.0
OUT_OF_BOUNDS = "it must be from -1e+15 to 1e+15"
LARGE = {"a": "x" * (64 * 1024)}
TOO_LARGE = "has more than 65536 bytes as JSON"


def track(**changes: Any) -> TrackRequest:
    return replace(TrackRequest(key=KEY, user_id="ada", event_type="order"), **changes)


def convert(**changes: Any) -> ConvertRequest:
    return replace(ConvertRequest(key=KEY, user_id="ada"), **changes)


def running(*event_types: str, **changes: Any) -> Running:
    design = make_design(ExperimentStatus.ACTIVE, **changes)
    return make_running(design, *({"event_type": kind, "name": kind} for kind in event_types))


def refused(request: TrackRequest | ConvertRequest) -> list[Fault]:
    return faults(lambda: request.check(NOON))


OF_BOTH: list[tuple[dict[str, Any], Path, str]] = [
    (
        {"key": ExperimentKey(name="\ud800")},
        ("experiment",),
        "must not hold half of a surrogate pair",
    ),
    ({"user_id": ""}, ("user_id",), "must not be empty"),
    ({"user_id": "u" * 257}, ("user_id",), "has 257 characters: at most 256 are allowed"),
    ({"user_id": "\0"}, ("user_id",), "must not hold the character NUL"),
    ({"value": float("nan")}, ("value",), f"is nan: {OUT_OF_BOUNDS}"),
    ({"value": float("inf")}, ("value",), f"is inf: {OUT_OF_BOUNDS}"),
    ({"value": -BEYOND - 9}, ("value",), f"is -1.00000000000001e+15: {OUT_OF_BOUNDS}"),
]
OF_TRACK: list[tuple[dict[str, Any], Path, str]] = [
    *OF_BOTH,
    ({"event_type": " "}, ("event_type",), "must not be empty"),
    ({"event_type": "a\nb"}, ("event_type",), "must not hold control characters or line breaks"),
    ({"event_type": "e" * 201}, ("event_type",), "has 201 characters: at most 200 are allowed"),
    ({"data": LARGE}, ("data",), TOO_LARGE),
    ({"session_context": [{1}]}, ("session_context",), "must not hold values of type set"),
    ({"source": "s" * 257}, ("source",), "has 257 characters: at most 256 are allowed"),
    ({"event_id": ""}, ("event_id",), "must not be empty"),
    ({"event_id": "e" * 257}, ("event_id",), "has 257 characters: at most 256 are allowed"),
    ({"event_id": "a\tb"}, ("event_id",), "must not hold control characters or line breaks"),
    ({"timestamp": NOON + DAY + INSTANT}, ("timestamp",), "lies more than 24 hours ahead"),
    (
        {"timestamp": datetime(2000, 1, 1, tzinfo=UTC) - INSTANT},
        ("timestamp",),
        "lies before 2000-01-01",
    ),
    (
        {"timestamp": datetime.max.replace(tzinfo=UTC)},
        ("timestamp",),
        "lies more than 24 hours ahead",
    ),
]


@pytest.mark.parametrize(("changes", "path", "message"), OF_TRACK)
def test_an_event_beyond_a_bound_is_refused_at_its_place(
    changes: dict[str, Any], path: Path, message: str
) -> None:
    assert refused(track(**changes)) == [(path, message)]


@pytest.mark.parametrize(
    ("changes", "path", "message"), [*OF_BOTH, ({"metadata": LARGE}, ("metadata",), TOO_LARGE)]
)
def test_a_conversion_beyond_a_bound_is_refused_at_its_place(
    changes: dict[str, Any], path: Path, message: str
) -> None:
    assert refused(convert(**changes)) == [(path, message)]


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": "u" * 256, "event_type": "e" * 200, "event_id": "i" * 256, "source": "s" * 256},
        {"value": MAX_VALUE},
        {"value": -MAX_VALUE},
        {"value": 5e-324},
        {"timestamp": NOON + DAY},
        {"timestamp": datetime(2000, 1, 1, tzinfo=UTC)},
        {"source": "", "data": [], "session_context": {}},
        {"event_type": CONVERSION},
        {"event_id": CONVERSION},
    ],
)
def test_what_lies_on_a_bound_is_taken(changes: dict[str, Any]) -> None:
    assert refused(track(**changes)) == []


def test_everything_is_said_at_once() -> None:
    request = track(user_id="", event_type="", value=2e15, event_id=" ", timestamp=NOON + 2 * DAY)

    assert [path for path, _ in refused(request)] == [
        ("user_id",),
        ("event_type",),
        ("value",),
        ("event_id",),
        ("timestamp",),
    ]


def test_nobody_can_send_the_id_that_marks_the_one_conversion() -> None:
    for forged in (ONE_CONVERSION, f" {ONE_CONVERSION}", f"a{ONE_CONVERSION}"):
        assert [path for path, _ in refused(track(event_id=forged))] == [("event_id",)]

    assert not track(event_id=CONVERSION).report(running(), NOON).is_conversion
    assert convert().report(running(), NOON).is_conversion


def test_a_conversion_is_an_event_that_happens_when_it_arrives() -> None:
    experiment = running("order", CONVERSION)

    report = convert(value=-2.5, metadata=["m"]).report(experiment, NOON)

    user = make_assignment(user_id="ada", experiment_id=experiment.experiment.id)
    assert report.of(user) == make_metric(
        id=report.id,
        experiment_id=experiment.experiment.id,
        assignment_id=user.id,
        user_id="ada",
        event_id=ONE_CONVERSION,
        event_type=CONVERSION,
        event_value=-2.5,
        event_data=["m"],
        source=None,
        session_context={},
    )
    assert [each.name for each in report.definitions] == [CONVERSION]


def test_an_event_keeps_all_that_was_said_of_it() -> None:
    experiment, earlier = running("order", "view"), NOON - DAY
    request = track(
        value=3.0,
        data={"currency": "CHF"},
        timestamp=earlier,
        source="web",
        session_context={"page": "/pay"},
        event_id="e1",
    )

    report = request.report(experiment, NOON)

    user = make_assignment(user_id="ada", experiment_id=experiment.experiment.id)
    assert report.of(user) == make_metric(
        id=report.id,
        experiment_id=experiment.experiment.id,
        assignment_id=user.id,
        user_id="ada",
        event_id="e1",
        event_value=3.0,
        event_timestamp=earlier,
    )
    assert report.event == (experiment.experiment.id, "ada", "e1")
    assert [each.name for each in report.definitions] == ["order"]


def test_what_is_not_said_is_empty_and_the_time_is_that_of_arrival() -> None:
    report = track().report(running(), NOON)

    assert (report.value, report.details, report.session_context) == (1.0, {}, {})
    assert (report.happened_at, report.arrived_at) == (NOON, NOON)
    assert (report.source, report.event_id, report.event) == (None, None, None)


@pytest.mark.parametrize(
    ("status", "taken"),
    [
        (ExperimentStatus.DRAFT, False),
        (ExperimentStatus.ACTIVE, True),
        (ExperimentStatus.PAUSED, True),
        (ExperimentStatus.COMPLETED, True),
        (ExperimentStatus.ARCHIVED, False),
    ],
)
def test_reports_are_taken_from_the_start_until_the_archive(
    status: ExperimentStatus, taken: bool
) -> None:
    experiment = make_running(make_design(status))

    assert _is_taken(lambda: require_reports(experiment)) is taken


def test_an_experiment_that_takes_nothing_says_why() -> None:
    with pytest.raises(ExperimentNotRunning, match=r"^checkout is DRAFT: nothing is reported"):
        require_reports(make_running(make_design()))


def test_events_from_before_the_last_pruning_are_refused() -> None:
    experiment = running(events_pruned_before=NOON - DAY)

    with pytest.raises(InvalidInput) as refusal:
        track(timestamp=NOON - DAY - INSTANT).report(experiment, NOON)

    assert refusal.value.path == ("timestamp",)
    assert refusal.value.message == (
        "lies before 2026-11-19 12:00Z, up to where events have been pruned"
    )
    assert track(timestamp=NOON - DAY).report(experiment, NOON).happened_at == NOON - DAY
    assert track().report(experiment, NOON).happened_at == NOON
    assert convert().report(experiment, NOON).happened_at == NOON


def _is_taken(asked: Callable[[], object]) -> bool:
    try:
        asked()
    except ExperimentNotRunning:
        return False
    return True
