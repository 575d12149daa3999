"""What completing an experiment freezes, and what goes on regardless."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from starlette.applications import Starlette

from domain.analysis.intervals import wilson_interval
from domain.authoring import Authoring, Target
from domain.closing import Closing, Closings
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.ids import ProjectId
from domain.results import Results
from persistence.engine import Database
from persistence.experiments import Experiments
from persistence.snapshots import Snapshots
from persistence.tables import experiments, running_sums, variants
from persistence.tallies import Tallies
from persistence.variants import Variants
from tests.factories import make_caller
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import database_of, own_project
from tests.graphql_api.test_results import fill, report, results, send
from tests.graphql_api.test_results_over_time import history, keep, kept
from tests.graphql_api.tracking import Shown, assign, batch, convert
from tests.graphql_api.writing import changed, moved, running, shown

CHECKOUT = {"experiment": {"name": "checkout"}}
ARMS = {"a": (40, 200), "b": (90, 200)}
THIRDS = {"a": 0.4, "b": 0.3, "c": 0.3}
INTERVALS = """{ experiment(by: {name: "checkout"}) {
    variants { confidenceInterval { lower upper level } } } }"""
COLUMNS = (
    *("name", "impressions", "conversions", "conversion_rate", "total_value"),
    *("confidence_interval_lower", "confidence_interval_upper"),
)


async def columns(app: Starlette) -> list[tuple[Any, ...]]:
    """As people read them with SQL."""
    query = select(*(variants.c[name] for name in COLUMNS)).order_by(variants.c.position)
    return [tuple(row) for row in await database_of(app).rows(query)]


async def aged(app: Starlette, days: float = 8) -> None:
    """As if it had been started so long ago."""
    started = datetime.now(UTC) - timedelta(days=days)
    async with database_of(app).begin() as connection:
        await connection.execute(update(experiments).values(started_at=started))


async def adjusted(graph: Graph) -> dict[str, float | None]:
    """The adjusted p-values of the headline effects, by variant."""
    compared = (await results(graph))["metrics"][0]["comparisons"]
    anytime = {one["variant"]["name"]: one["relative"]["anytime"] for one in compared}
    return {name: said and said["adjustedPValue"] for name, said in anytime.items()}


async def complete(graph: Graph, winner: str | None = None) -> Shown:
    return await changed(graph, "experimentComplete", **CHECKOUT, winner=winner)


async def test_what_is_complete_does_not_move_though_more_is_stored(
    app: Starlette, graph: Graph
) -> None:
    clicks = {"name": "c", "eventType": "click", "aggregation": "COUNT", "role": "PRIMARY"}
    made = await running(graph, metrics=[clicks])
    users = await fill(graph, ARMS)
    await report(graph, "click", {user: [1.0] for user in users["a"][:50]})
    await complete(graph)
    frozen = await results(graph), await shown(graph, made["id"]), await columns(app)

    await send(graph, "convertBatch", [{"userId": one, "value": 9} for one in users["a"][40:]])
    await report(graph, "click", {user: [1.0] for user in users["b"]})
    late = await assign(graph, users["b"][0]), await assign(graph, "newcomer")
    await publish(app)

    assert (await results(graph), await shown(graph, made["id"]), await columns(app)) == frozen
    assert frozen[0]["totalConversions"] == 130
    assert frozen[0]["metrics"][0]["variants"][0]["total"] == 50
    assert late == (("STICKY", "b"), ("NOT_RUNNING", None))
    recorded = (await convert(graph, users["a"][40]))["assignment"]
    assert (recorded["hasConverted"], recorded["conversionValue"]) == (True, 9)


async def test_what_is_archived_while_it_runs_does_not_move_either(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph)
    users = await fill(graph, ARMS)
    await changed(graph, "experimentArchive", **CHECKOUT)
    frozen = await results(graph), await shown(graph, made["id"]), await columns(app)

    [late] = await batch(graph, "convertBatch", [{"userId": users["a"][50]}])
    async with database_of(app).begin() as connection:  # of a server that had not heard of it
        more = {"users": running_sums.c.users + 100, "events": running_sums.c.events + 1}
        await connection.execute(update(running_sums).values(more))
    await publish(app)

    assert [error["code"] for error in late["errors"]] == ["EXPERIMENT_NOT_RUNNING"]
    assert (await results(graph), await shown(graph, made["id"]), await columns(app)) == frozen
    assert [row[1:3] for row in frozen[2]] == [(200, 40), (200, 90)]
    assert frozen[0]["totalConversions"] == 130


async def publish(app: Starlette) -> None:
    """As the server does a few seconds after each change."""
    known = await database_of(app).rows(select(experiments.c.id))
    await Tallies(database_of(app)).publish([row[0] for row in known])


async def test_the_columns_are_what_the_graph_shows(app: Starlette, graph: Graph) -> None:
    made = await running(graph)
    await fill(graph, {"a": (40, 200), "b": (0, 0)})
    live = await graph(INTERVALS), (await shown(graph, made["id"]))["variants"]

    await complete(graph)

    interval = wilson_interval(40, 200, 0.05)
    assert interval is not None
    assert await columns(app) == [
        ("a", 200, 40, 0.2, 100.0, interval.lower, interval.upper),
        ("b", 0, 0, 0.0, 0.0, None, None),
    ]
    over = (await shown(graph, made["id"]))["variants"]
    assert (await graph(INTERVALS), over) == live


async def test_the_one_that_would_be_shipped_wins(app: Starlette, graph: Graph) -> None:
    await running(graph)
    await fill(graph, ARMS)
    await aged(app)
    live = await adjusted(graph)

    done = await complete(graph)

    assert done["winner"] == {"name": "b"}
    assert done["statisticalSignificance"] == live["b"] == (await adjusted(graph))["b"]
    decision = (await results(graph))["decision"]
    assert (decision["kind"], decision["variant"]) == ("SHIP", {"name": "b"})
    assert (await results(graph))["asOf"] == done["completedAt"]


@pytest.mark.parametrize(
    ("winner", "headline"), [("b", "b"), ("c", "c"), ("a", "c"), (None, "c")], ids=str
)
async def test_the_significance_is_the_winners_or_else_that_of_the_strongest(
    app: Starlette, graph: Graph, winner: str | None, headline: str
) -> None:
    await running(graph, THIRDS)
    await fill(graph, {"a": (40, 160), "b": (40, 120), "c": (50, 120)}, THIRDS)

    done = await complete(graph, winner)

    known = await adjusted(graph)
    assert done["winner"] == (None if winner is None else {"name": winner})
    assert done["statisticalSignificance"] == known[headline]
    assert known["c"] is not None
    assert known["b"] is not None
    assert known["c"] < known["b"]


async def test_where_nothing_can_be_told_nobody_wins(graph: Graph) -> None:
    await running(graph)
    await fill(graph, {"a": (1, 20), "b": (20, 20)})

    done = await complete(graph)

    assert (done["winner"], done["statisticalSignificance"]) == (None, None)
    assert (await results(graph))["decision"] == {
        "kind": "INCONCLUSIVE",
        "variant": None,
        "reason": "The test ran its course before b could be judged: b and a each need at least 25 "
        "users who count towards conversion and 25 who do not.",
        "arms": [
            {
                "variant": {"name": "b"},
                "kind": "INCONCLUSIVE",
                "reason": "The test ran its course before b could be judged: b and a each need "
                "at least 25 users who count towards conversion and 25 who do not.",
            }
        ],
    }


async def test_a_doubtful_split_is_an_alarm_once_it_is_over(graph: Graph) -> None:
    await running(graph)
    await fill(graph, {"a": (100, 440), "b": (200, 340)})
    assert (await results(graph))["sampleRatio"]["state"] == "WARNING"

    done = await complete(graph)

    assert done["winner"] is None
    over = await results(graph)
    assert (over["sampleRatio"]["state"], over["decision"]["kind"]) == ("ALARM", "INVESTIGATE")


async def test_archiving_what_is_complete_changes_none_of_its_numbers(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph)
    await fill(graph, ARMS)
    await complete(graph, "a")
    before, published = await results(graph), await columns(app)
    await fill(graph, {"a": (60, 200), "b": (150, 200)})

    archived = await changed(graph, "experimentArchive", **CHECKOUT)

    after = await results(graph)
    assert after == before | {"revision": before["revision"] + 1}
    assert await columns(app) == published
    assert archived["winner"] == {"name": "a"}
    assert archived["statisticalSignificance"] == (await adjusted(graph))["b"]
    assert [one.status for one in await kept(app, made)] == ["active", "completed", "archived"]


async def test_a_draft_that_is_archived_has_no_users(graph: Graph) -> None:
    made = await moved(graph, "ARCHIVED")

    over = await results(graph)

    assert (over["totalAssignments"], over["revision"]) == (0, made["version"])
    assert (made["winner"], made["statisticalSignificance"]) == (None, None)
    assert len(await history(graph)) == 1


async def test_a_refused_completion_leaves_nothing_behind(app: Starlette, graph: Graph) -> None:
    made = await running(graph)
    await fill(graph, {"a": (1, 5), "b": (1, 5)})
    before = await columns(app), await kept(app, made)
    asked = "mutation ($input: ExperimentCompleteInput!) { experimentComplete(input: $input) {%s}}"

    answer = await graph(
        asked % "experiment { id } errors { code path }", input=CHECKOUT | {"winner": "nobody"}
    )

    refused = {"experiment": None, "errors": [{"code": "NOT_FOUND", "path": ["input", "winner"]}]}
    assert answer == {"experimentComplete": refused}
    assert (await columns(app), await kept(app, made)) == before


class Overtaken(Closings):
    """While it looks for the first time, somebody else takes the snapshot with its number."""

    def __init__(self, results: Results, database: Database) -> None:
        super().__init__(results)
        self._snapshots = Snapshots(database)
        self.looks = 0

    async def of(
        self, project: ProjectId, experiment: UUID, status: ExperimentStatus, at: datetime
    ) -> Closing | None:
        found = await super().of(project, experiment, status, at)
        self.looks += 1
        if found is not None and self.looks == 1:
            theirs = replace(found.snapshot, status=ExperimentStatus.ACTIVE, is_kept=False)
            assert await self._snapshots.add(theirs)
        return found


async def test_whose_snapshot_was_taken_meanwhile_decides_again_and_completes_once(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph)
    await fill(graph, ARMS)
    await keep(app, made)
    database, services = database_of(app), app.state.services
    closings = Overtaken(services.results, database)
    author = Authoring(
        Experiments(database), Variants(database), lambda: datetime.now(UTC), closings=closings
    )

    target = Target(key=ExperimentKey(name="checkout"), expected_version=2)
    done = await author.complete(make_caller(own_project(app)), target, "b")

    snapshots = await kept(app, made)
    assert (closings.looks, done.version, done.winner_variant) == (2, 3, "b")
    assert [one.number for one in snapshots] == [1, 2, 3, 4]
    assert [one.status for one in snapshots] == ["active"] * 3 + ["completed"]
    assert snapshots[-1].taken_at == done.completed_at
    assert [row[1:3] for row in await columns(app)] == [(200, 40), (200, 90)]
    assert (await results(graph))["revision"] == snapshots[-1].revision
