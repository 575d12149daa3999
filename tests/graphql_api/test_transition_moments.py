"""When a transition was made: everything that tells of it says the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette

from persistence.snapshots import Snapshots
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import database_of
from tests.graphql_api.test_results import results
from tests.graphql_api.test_results_over_time import keep, kept
from tests.graphql_api.writing import changed, draft, running, shown

CHECKOUT = {"experiment": {"name": "checkout"}}


async def test_every_move_and_what_it_leaves_behind_are_of_one_moment(
    app: Starlette, graph: Graph
) -> None:
    made = await draft(graph)
    moves = ("experimentStart", "experimentPause", "experimentResume", "experimentComplete")

    moved_at = [(await changed(graph, move, **CHECKOUT))["updatedAt"] for move in moves]

    taken = [one.taken_at for one in await kept(app, made)]
    assert taken == [datetime.fromisoformat(moment) for moment in moved_at]
    assert (await shown(graph, made["id"]))["completedAt"] == moved_at[-1]
    assert (await results(graph))["asOf"] == moved_at[-1]


async def test_a_completion_is_never_older_than_what_was_kept_last(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph)
    await keep(app, made)
    later = datetime.now(UTC) + timedelta(minutes=1)
    last = (await kept(app, made))[-1]
    assert await Snapshots(database_of(app)).add(
        replace(last, number=last.number + 1, taken_at=later)
    )

    done = await changed(graph, "experimentComplete", **CHECKOUT)

    assert (await kept(app, made))[-1].taken_at == later
    assert done["completedAt"] == done["updatedAt"] == later.isoformat()
