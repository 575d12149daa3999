"""Results as they were, from what is kept of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.analysis.evaluation import evaluate
from domain.closing import taken
from domain.snapshots import END_OF_TIME, Period, Snapshot
from graphql_api.app import create_app
from graphql_api.settings import Settings
from graphql_api.types.view import parse_id
from persistence.snapshots import Snapshots
from tests.factories import NOON
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import database_of, own_project
from tests.graphql_api.test_results import FOUND, fill, report, results, send
from tests.graphql_api.tracking import Shown
from tests.graphql_api.writing import arm, changed, draft, running
from tests.secret import SECRET_KEY

AS_OF = """query ($at: DateTime) {
    experiment(by: {name: "checkout"}) { results(asOf: $at) { ...Found } } }"""
HISTORY = """query ($from: DateTime, $to: DateTime, $points: Int! = 100) {
    experiment(by: {name: "checkout"}) {
        resultsHistory(from: $from, to: $to, points: $points) { ...Found } } }"""
REVISIONS = HISTORY.replace("...Found", "revision")
A_MOMENT = timedelta(microseconds=1)


async def then(graph: Graph, at: datetime | None) -> Shown:
    answer = await graph(AS_OF + FOUND, at=None if at is None else at.isoformat())
    found: Shown = answer["experiment"]["results"]
    return found


async def history(graph: Graph, **asked: Any) -> list[Shown]:
    found: list[Shown] = (await graph(HISTORY + FOUND, **asked))["experiment"]["resultsHistory"]
    return found


async def keep(app: Starlette, made: Shown) -> datetime:
    """As the server does by itself now and then; the moment at which it did."""
    _, row = parse_id(made["id"], ())
    looks = await app.state.services.results.looks(own_project(app), [row])
    subject, observed = looks[row]
    snapshot = taken(subject, observed, evaluate(observed))
    assert await Snapshots(database_of(app)).add(snapshot)
    return snapshot.taken_at


async def kept(app: Starlette, made: Shown) -> Sequence[Snapshot]:
    _, row = parse_id(made["id"], ())
    period = Period(start=NOON - timedelta(days=9999), end=END_OF_TIME, points=500)
    return await Snapshots(database_of(app)).between(own_project(app), row, period)


def but_for_the_time(shown: Shown) -> Shown:
    return {name: value for name, value in shown.items() if name != "asOf"}


async def test_before_the_start_there_were_no_users_and_nothing_was_found(
    app: Starlette, graph: Graph
) -> None:
    await draft(graph)
    before = await results(graph)
    made = await changed(graph, "experimentStart", experiment={"name": "checkout"})
    await fill(graph, {"a": (80, 150), "b": (30, 150)})
    await keep(app, made)
    await changed(graph, "experimentComplete", experiment={"name": "checkout"})
    assert (await results(graph))["decision"]["kind"] == "ROLL_BACK"

    shown = await then(graph, datetime.fromisoformat(made["startedAt"]) - A_MOMENT)

    assert (shown["totalAssignments"], shown["sampleRatio"]) == (0, before["sampleRatio"])
    assert shown["metrics"] == before["metrics"]
    assert shown["decision"] == before["decision"]


async def test_in_between_it_is_what_was_kept_last(app: Starlette, graph: Graph) -> None:
    made = await running(graph)
    await fill(graph, {"a": (1, 5), "b": (2, 5)})
    first = await keep(app, made)
    await fill(graph, {"a": (3, 7), "b": (4, 8)})
    second = await keep(app, made)
    await fill(graph, {"a": (5, 9), "b": (6, 9)})

    moments = [first - A_MOMENT, first, second - A_MOMENT, second]
    seen = [await then(graph, at) for at in moments]

    assert [one["totalAssignments"] for one in seen] == [0, 10, 10, 15]
    assert [one["totalConversions"] for one in seen] == [0, 3, 3, 7]
    assert [datetime.fromisoformat(one["asOf"]) for one in seen[1:]] == [first, first, second]


async def test_in_the_future_it_is_what_it_is_now(app: Starlette, graph: Graph) -> None:
    await running(graph)
    await fill(graph, {"a": (1, 5), "b": (2, 5)})

    now, later = await then(graph, None), await then(graph, END_OF_TIME)

    assert but_for_the_time(later) == but_for_the_time(now)
    assert now["totalAssignments"] == 10
    assert datetime.fromisoformat(later["asOf"]) < END_OF_TIME


async def test_what_was_shown_is_shown_again_whatever_comes_after(
    app: Starlette, graph: Graph
) -> None:
    weights = {"a": 0.4, "b": 0.4, "c": 0.2}
    revenue = {"name": "revenue", "eventType": "pay", "aggregation": "SUM", "role": "SECONDARY"}
    orders = revenue | {"name": "orders", "aggregation": "BINARY", "role": "PRIMARY"}
    made = await running(graph, weights, metrics=[orders, revenue])
    users = await fill(graph, {"a": (0, 305), "b": (0, 215), "c": (0, 120)}, weights)
    payers = [one for each in users.values() for one in each[:60]]
    await report(graph, "pay", {one: [0.1, n / 7] for n, one in enumerate(payers)})
    live = await results(graph)
    at = await keep(app, made)
    assert live["sampleRatio"]["state"] == "WARNING"
    assert live["metrics"][0]["comparisons"][0]["relative"]["anytime"] is not None

    seen = [await then(graph, at)]
    await report(graph, "pay", {one: [50.0] for one in users["b"]})
    seen.append(await then(graph, at))
    await changed(graph, "variantDeactivate", id=arm(made, "c")["id"])
    await changed(graph, "experimentUpdate", experiment={"name": "checkout"}, trafficAllocation=0.5)
    await changed(graph, "variantCreate", experiment={"name": "checkout"}, variants=[{"name": "d"}])
    seen.append(await then(graph, at))
    await changed(graph, "experimentComplete", experiment={"name": "checkout"})
    seen.append(await then(graph, at))
    await changed(graph, "experimentArchive", experiment={"name": "checkout"})
    seen.append(await then(graph, at))

    assert but_for_the_time(seen[0]) == but_for_the_time(live)
    assert seen == seen[:1] * 5
    assert seen[0] in await history(graph)


async def test_every_move_is_kept_for_good(app: Starlette, graph: Graph) -> None:
    made = await running(graph)
    for move in ("Pause", "Resume", "Complete", "Archive"):
        await changed(graph, f"experiment{move}", experiment={"name": "checkout"})

    snapshots = await kept(app, made)

    statuses = [snapshot.status for snapshot in snapshots]
    assert statuses == ["active", "paused", "active", "completed", "archived"]
    assert [snapshot.number for snapshot in snapshots] == [1, 2, 3, 4, 5]
    assert all(snapshot.is_kept for snapshot in snapshots)
    assert [one["revision"] for one in await history(graph)] == [2, 3, 4, 5, 6]


async def test_what_is_no_move_is_not_kept(app: Starlette, graph: Graph) -> None:
    made = await draft(graph)
    await changed(graph, "experimentUpdate", experiment={"name": "checkout"}, description="Other")
    assert await history(graph) == []

    await changed(graph, "experimentStart", experiment={"name": "checkout"})
    await changed(graph, "experimentUpdate", experiment={"name": "checkout"}, trafficAllocation=0.5)

    assert len(await kept(app, made)) == 1


async def test_a_server_looks_at_all_that_runs_when_it_starts(
    app: Starlette, graph: Graph, database_url: str
) -> None:
    made = await running(graph)
    await fill(graph, {"a": (0, 400), "b": (0, 250)})
    another = create_app(Settings(secret_key=SECRET_KEY), database_url)

    async with another.router.lifespan_context(another):
        for _ in range(1000):
            if len(await kept(app, made)) > 1:
                break

    assert [(one.alarmed, one.is_kept) for one in await kept(app, made)] == [
        (False, True),
        (True, True),
    ]


@pytest.fixture
async def nine(app: Starlette, graph: Graph) -> Sequence[Snapshot]:
    """Kept by the minute, with the revisions 1 to 9."""
    [start] = await kept(app, await running(graph))
    snapshots = [
        replace(start, number=n, revision=n, taken_at=start.taken_at + timedelta(minutes=n))
        for n in range(2, 10)
    ]
    for snapshot in snapshots:
        await Snapshots(database_of(app)).add(snapshot)
    return [start, *snapshots]


async def test_a_history_has_as_many_points_as_are_asked_for(
    graph: Graph, nine: Sequence[Snapshot]
) -> None:
    asked = (1, 2, 3, 9, 10, 500)

    found = [(await graph(REVISIONS, points=points))["experiment"] for points in asked]

    numbers = [[one["revision"] for one in each["resultsHistory"]] for each in found]
    assert numbers[:3] == [[9], [2, 9], [2, 5, 9]]
    assert numbers[3:] == [[2, 2, 3, 4, 5, 6, 7, 8, 9]] * 3


@pytest.mark.parametrize("points", [0, -1, 501])
async def test_fewer_or_more_points_are_refused(graph: Graph, points: int) -> None:
    await draft(graph)

    [error] = await graph.errors(REVISIONS, points=points)

    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["message"] == f"points is {points}: it must be from 1 to 500"


async def test_a_history_can_be_that_of_a_period(graph: Graph, nine: Sequence[Snapshot]) -> None:
    times = {"from": nine[2].taken_at.isoformat(), "to": nine[5].taken_at.isoformat()}

    both = await history(graph, **times)
    since = await history(graph, **{"from": times["from"]}, points=2)
    until = await history(graph, to=times["to"], points=1)
    backwards = await history(graph, **{"from": times["to"]}, to=times["from"])

    assert [one["revision"] for one in both] == [3, 4, 5, 6]
    assert [one["asOf"] for one in both] == [one.taken_at.isoformat() for one in nine[2:6]]
    assert [one["revision"] for one in since] == [3, 9]
    assert [one["revision"] for one in until] == [6]
    assert backwards == []


async def test_a_planned_look_is_shown_once_it_is_kept_and_does_not_move_again(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph, minimumSampleSize=100)
    await fill(graph, {"a": (30, 100), "b": (40, 100)})

    early = (await results(graph))["metrics"][0]["comparisons"][0]["relative"]
    await keep(app, made)
    on_time = (await results(graph))["metrics"][0]["comparisons"][0]["relative"]
    await fill(graph, {"a": (30, 150), "b": (90, 150)})
    late = (await results(graph))["metrics"][0]["comparisons"][0]["relative"]

    assert (early["fixed"], early["notes"]) == (None, ["PLANNED_SAMPLE_NOT_REACHED"])
    assert (on_time["notes"], late["notes"]) == ([], [])
    assert on_time["fixed"]["pValue"] == pytest.approx(0.1434005659706909)
    assert late["fixed"] == on_time["fixed"]
    assert late["anytime"] != on_time["anytime"]


async def test_traffic_and_weights_can_be_raised_without_an_alarm(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph, {"a": 0.9, "b": 0.1}, trafficAllocation=0.5)
    b, states = arm(made, "b")["id"], []
    for step, change in enumerate([None, (0.8, 0.1), (0.8, 0.3), (1.0, 0.5)]):
        if change is not None:
            by = {"experiment": {"name": "checkout"}, "trafficAllocation": change[0]}
            await changed(graph, "experimentUpdate", **by)
            await changed(graph, "variantUpdate", id=b, trafficWeight=change[1])
        await send(graph, "assignBatch", [{"userId": f"{step}-{n}"} for n in range(400)])
        await keep(app, made)
        states.append((await results(graph))["sampleRatio"]["state"])

    ratio = (await results(graph))["sampleRatio"]
    a, total = ratio["observed"][0], sum(ratio["observed"])
    assert states == ["OK"] * 4
    assert [one["sampleRatio"]["state"] for one in await history(graph)][1:] == states
    assert a / total > 0.65  # far from the weights of today
    assert ratio["expected"][0] == pytest.approx(a, rel=0.1)
