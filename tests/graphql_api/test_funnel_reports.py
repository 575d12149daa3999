"""How far the users of an experiment get in a funnel, by what trackers reported."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import update
from starlette.applications import Starlette

from persistence.tables import variants
from tests.factories import NOON
from tests.graphql_api.conftest import Graph
from tests.graphql_api.funnels import made, report, report_errors
from tests.graphql_api.neighbours import put_experiment
from tests.graphql_api.rows import (
    AUTHENTICATION,
    Rows,
    database_of,
    metric_of,
    other_project,
    populate,
)
from tests.graphql_api.tracking import ask
from tests.graphql_api.writing import Shown, running
from tests.persistence.statements import counted
from tests.putting import put_metrics

HOUR = timedelta(hours=1)
EXAMPLE = {  # of docs/funnels.md: event types, and the hours after noon
    0: [("view", 0), ("cart", 1), ("conversion", 3)],
    1: [("view", 0), ("conversion", 1), ("cart", 2)],
    2: [("cart", 0), ("view", 1)],
    3: [("conversion", 1)],
}


async def visited(app: Starlette, visits: Mapping[int, Sequence[tuple[str, float]]]) -> Rows:
    """An experiment of two variants, all of whose visitors were given the first."""
    rows = await populate(app, assignments=len(visits), name="checkout")
    events = [
        metric_of(rows.assignments[user], event_type=kind, event_timestamp=NOON + hours * HOUR)
        for user, happened in visits.items()
        for kind, hours in happened
    ]
    await put_metrics(database_of(app), events)
    return rows


def steps(shown: Shown) -> list[tuple[int, float, float]]:
    return [(one["users"], one["shareOfFirst"], one["shareOfPrevious"]) for one in shown["steps"]]


def ways(shown: Shown) -> list[tuple[int, float, float | None]]:
    return [(one["users"], one["share"], one["medianSeconds"]) for one in shown["links"]]


async def test_a_step_is_reached_by_an_event_after_the_step_before(
    app: Starlette, graph: Graph
) -> None:
    await visited(app, EXAMPLE)

    found = await report(graph, await made(graph))

    assert [step["step"]["name"] for step in found["v0"]["steps"]] == ["seen", "chosen", "paid"]
    assert steps(found["v0"]) == [(3, 1.0, 1.0), (2, 2 / 3, 2 / 3), (1, 1 / 3, 0.5)]
    assert ways(found["v0"]) == [(2, 2 / 3, 5400.0), (1, 0.5, 7200.0)]
    assert found["v0"]["links"][0]["link"] == {
        "source": {"name": "seen"},
        "target": {"name": "chosen"},
    }


async def test_a_variant_without_users_has_zeros_and_no_times(app: Starlette, graph: Graph) -> None:
    await visited(app, EXAMPLE)

    found = await report(graph, await made(graph))

    assert steps(found["v1"]) == [(0, 0.0, 0.0)] * 3
    assert ways(found["v1"]) == [(0, 0.0, None)] * 2


@pytest.mark.parametrize(("hours", "users"), [(3.0, [3, 2, 1]), (2.0, [3, 2, 0]), (0.5, [3, 0, 0])])
async def test_what_comes_after_the_window_does_not_count(
    app: Starlette, graph: Graph, hours: float, users: list[int]
) -> None:
    await visited(app, EXAMPLE)

    found = await report(graph, await made(graph), hours)

    assert [reached for reached, _, _ in steps(found["v0"])] == users


async def test_where_ways_meet_either_of_them_leads_on(app: Starlette, graph: Graph) -> None:
    await visited(
        app,
        {
            0: [("view", 0), ("cart", 1), ("conversion", 2)],
            1: [("view", 0), ("help", 1), ("conversion", 3)],
            2: [("view", 0), ("cart", 1), ("help", 2), ("conversion", 4)],
            3: [("view", 0), ("help", 1)],
        },
    )
    kinds = {"seen": "view", "chosen": "cart", "helped": "help", "paid": "conversion"}
    funnel = await made(
        graph,
        steps=[{"name": name, "eventType": kind} for name, kind in kinds.items()],
        links=[
            {"source": source, "target": target}
            for source, target in (
                ("seen", "chosen"),
                ("seen", "helped"),
                ("chosen", "paid"),
                ("helped", "paid"),
            )
        ],
    )

    found = (await report(graph, funnel))["v0"]

    assert steps(found) == [(4, 1.0, 1.0), (2, 0.5, 0.5), (3, 0.75, 0.75), (3, 0.75, 0.75)]
    assert ways(found) == [
        (2, 0.5, 3600.0),
        (3, 0.75, 3600.0),
        (2, 1.0, 7200.0),
        (2, 2 / 3, 7200.0),
    ]


async def test_a_retired_variant_is_shown_where_it_has_users(app: Starlette, graph: Graph) -> None:
    rows = await populate(app, variants=3, assignments=1, name="checkout")
    await put_metrics(database_of(app), [metric_of(rows.assignments[1], event_type="view")])
    async with database_of(app).begin() as connection:
        retired = variants.c.name.in_(["v1", "v2"])
        await connection.execute(update(variants).where(retired).values(is_active=False))

    found = await report(graph, await made(graph))

    assert list(found) == ["v0", "v1"]
    assert steps(found["v1"])[0] == (1, 1.0, 1.0)


async def test_what_trackers_report_is_followed(graph: Graph) -> None:
    await running(graph)
    for user in ("ada", "bob"):
        given = (await ask(graph, "assign", userId=user))["variant"]["name"]
        await ask(graph, "track", userId=user, eventType="view")
        await ask(graph, "track", userId=user, eventType="cart")
        await ask(graph, "convert", userId=user)

        found = await report(graph, await made(graph, name=user))

        assert steps(found[given])[2][1:] == (1.0, 1.0)


async def test_a_report_reads_the_path_the_experiment_its_variants_and_the_events(
    app: Starlette, graph: Graph
) -> None:
    await visited(app, EXAMPLE)
    funnel = await made(graph)

    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        await report(graph, funnel)

    assert len(seen) == 5
    assert len([text for text in seen if "ab_metrics" in text]) == 1


async def test_an_experiment_that_is_not_there_for_us_has_no_report(
    app: Starlette, graph: Graph
) -> None:
    funnel = await made(graph)
    await put_experiment(database_of(app), await other_project(app), "theirs")

    for name in ("nobody's", "theirs"):
        assert await report_errors(graph, funnel, by={"name": name}) == [
            ("BAD_USER_INPUT", f"experiment: there is no experiment {name}")
        ]


@pytest.mark.parametrize("hours", [0, -1, 24 * 366])
async def test_a_window_is_above_nothing_and_below_a_year(
    app: Starlette, graph: Graph, hours: int
) -> None:
    await visited(app, {})

    (fault,) = await report_errors(graph, await made(graph), hours=hours)

    message = f"windowHours: is {hours}: it must lie between 0 and 8784"
    assert fault == ("BAD_USER_INPUT", message)


async def test_a_report_that_takes_too_long_is_a_timeout(
    app: Starlette, graph: Graph, database_url: str
) -> None:
    await visited(app, EXAMPLE)
    funnel = await made(graph)
    holder = await asyncpg.connect(database_url)
    async with holder.transaction():
        await holder.execute("LOCK TABLE ab_metrics")
        faults = await report_errors(graph, funnel)
    await holder.close()

    message = "the report of a funnel takes too long: ask for less, or when less is going on"
    assert faults == [("TIMEOUT", message)]


async def test_many_reports_at_once_are_refused_for_what_they_cost(graph: Graph) -> None:
    reports = (
        '{ funnels { nodes { report(experiment: { name: "x" }) { variants { __typename } } } } }'
    )

    (error,) = await graph.errors(reports)

    assert error["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
