"""What a user keeps and what a newcomer gets while the experiment changes, here and elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings
from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.graphql_api.tracking import (
    Held,
    ask,
    assign,
    batch,
    convert,
    outcome,
    refusals,
    sums_by_phase,
    users_between,
)
from tests.graphql_api.writing import Shown, arm, change, changed, draft, running
from tests.secret import SECRET_KEY

BY = {"experiment": {"name": "checkout"}}
LATEST = 1.0  # seconds that a change elsewhere may go unnoticed
EARLY = next(users_between(0, 0.25))
LATE, LATER = islice(users_between(0.75, 1), 2)


@pytest.fixture
async def elsewhere(app: Starlette, database_url: str) -> AsyncIterator[Graph]:
    """Another process on the same database."""
    other = create_app(Settings(secret_key=SECRET_KEY), database_url)
    async with other.router.lifespan_context(other):
        yield Graph(httpx.ASGITransport(other), SERVER_KEY)


async def weigh(graph: Graph, experiment: Shown, **weights: float) -> None:
    for name, weight in weights.items():
        payload = await change(
            graph, "variantUpdate", id=arm(experiment, name)["id"], trafficWeight=weight
        )
        assert payload["errors"] == []


async def assign_all_of(graph: Graph, users: list[str], experiment: str) -> dict[str, str | None]:
    items = [{"userId": user, "experiment": experiment} for user in users]
    answers = await batch(graph, "assignBatch", items)
    return {user: outcome(answer)[1] for user, answer in zip(users, answers, strict=True)}


async def test_a_user_keeps_the_variant_whatever_becomes_of_weights_and_status(
    graph: Graph,
) -> None:
    made = await running(graph)
    assert await assign(graph, EARLY) == ("NEW", "a")

    await weigh(graph, made, a=0)
    assert await assign(graph, EARLY) == ("STICKY", "a")
    await changed(graph, "experimentUpdate", **BY, trafficAllocation=0)
    assert await assign(graph, EARLY) == ("STICKY", "a")
    for step in ("Pause", "Resume", "Complete"):
        await changed(graph, f"experiment{step}", **BY)
        assert await assign(graph, EARLY) == ("STICKY", "a")


async def test_an_archived_experiment_gives_nobody_anything(graph: Graph) -> None:
    await running(graph)
    await assign(graph)

    await changed(graph, "experimentComplete", **BY)
    await changed(graph, "experimentArchive", **BY)

    assert await assign(graph) == ("NOT_RUNNING", None)


async def test_each_step_is_felt_at_once(graph: Graph) -> None:
    users = users_between(0, 1)
    await draft(graph)
    assert await assign(graph, next(users)) == ("NOT_RUNNING", None)

    for step, reason in (
        ("Start", "NEW"),
        ("Pause", "NOT_RUNNING"),
        ("Resume", "NEW"),
        ("Complete", "NOT_RUNNING"),
    ):
        await changed(graph, f"experiment{step}", **BY)
        assert (await assign(graph, next(users)))[0] == reason


async def test_what_was_deleted_is_gone_at_once_and_its_name_is_free(graph: Graph) -> None:
    await running(graph)
    before = await assign(graph)

    await change(graph, "experimentDelete", **BY)

    [(code, place, _)] = refusals(await ask(graph, "assign"))
    assert (code, place) == ("NOT_FOUND", "input.experiment")
    await running(graph)
    assert await assign(graph) == before == ("NEW", before[1])


async def test_another_name_of_a_draft_is_known_at_once(graph: Graph) -> None:
    await draft(graph)
    await assign(graph)

    await changed(graph, "experimentUpdate", **BY, name="till")

    assert await assign(graph, experiment="till") == ("NOT_RUNNING", None)
    [(code, _, _)] = refusals(await ask(graph, "assign"))
    assert code == "NOT_FOUND"


async def test_a_deactivated_variant_keeps_its_users_and_gets_no_others(graph: Graph) -> None:
    made = await running(graph)
    assert await assign(graph, EARLY) == ("NEW", "a")
    assert await assign(graph, LATE) == ("NEW", "b")

    await change(graph, "variantDeactivate", id=arm(made, "b")["id"])

    assert await assign(graph, LATE) == ("STICKY", "b")
    newcomers = list(islice(users_between(0.5, 1), 10))[5:]
    assert set((await assign_all_of(graph, newcomers, "checkout")).values()) == {"a"}


async def test_more_traffic_adds_users_and_moves_nobody(graph: Graph) -> None:
    users = list(islice(users_between(0, 1), 200))
    for name, coverage in (("narrow", 0.3), ("wide", 0.8)):
        await running(
            graph, {"a": 0.5, "b": 0.5}, name=name, hashSeed="s", trafficAllocation=coverage
        )

    narrow, wide = [await assign_all_of(graph, users, name) for name in ("narrow", "wide")]

    taken = {user: name for user, name in narrow.items() if name}
    assert {user: wide[user] for user in taken} == taken
    assert 0 < len(taken) < sum(name is not None for name in wide.values()) < 200
    await changed(graph, "experimentUpdate", experiment={"name": "narrow"}, trafficAllocation=0.8)
    assert await assign_all_of(graph, users, "narrow") == wide


async def test_new_weights_open_a_phase_for_those_who_come_then(
    app: Starlette, graph: Graph
) -> None:
    made = await running(graph)
    early, late = islice(users_between(0.4, 0.5), 2)
    await assign(graph, early)

    await weigh(graph, made, a=0.25)
    payload = await ask(graph, "assign", late)
    await convert(graph, early)

    recorded = payload["assignment"]
    assert (payload["variant"]["name"], recorded["phase"], recorded["propensity"]) == ("b", 2, 0.75)
    assert (await ask(graph, "assign", early))["assignment"]["phase"] == 1
    assert await sums_by_phase(app) == {
        ("a", "", 1): Held(1, 1, 1, 1, 1, 1),
        ("b", "", 2): Held(1),
    }


async def test_a_change_elsewhere_is_felt_within_a_second(graph: Graph, elsewhere: Graph) -> None:
    made = await running(graph)
    assert await assign(graph, LATE) == ("NEW", "b")
    await weigh(elsewhere, made, a=1)

    await asyncio.sleep(LATEST)

    assert await assign(graph, LATER) == ("NEW", "a")
    assert await assign(graph, LATE) == ("STICKY", "b")
    await changed(elsewhere, "experimentPause", **BY)
    await asyncio.sleep(LATEST)
    assert await assign(graph, "anybody") == ("NOT_RUNNING", None)


async def test_what_is_started_elsewhere_is_seen_on_pages_within_a_second(
    graph: Graph, elsewhere: Graph
) -> None:
    await draft(graph)
    await running(graph, name="first")
    first = await ask(graph, "assignAll")
    assert await assign(graph) == ("NOT_RUNNING", None)
    await changed(elsewhere, "experimentStart", **BY)

    await asyncio.sleep(LATEST)

    page = await ask(graph, "assignAll")
    assert [one["experiment"] for one in first["results"]] == ["first"]
    assert [one["experiment"] for one in page["results"]] == ["checkout", "first"]
    assert [one["reason"] for one in page["results"]] == ["NEW", "STICKY"]


async def test_whom_another_process_assigned_is_assigned(graph: Graph, elsewhere: Graph) -> None:
    made = await running(graph)
    await assign(graph, LATE)
    await weigh(elsewhere, made, a=1)

    there = await ask(elsewhere, "assign", LATER)

    assert (there["reason"], there["variant"]) == ("NEW", {"name": "a"})
    assert await ask(graph, "assign", LATER) == there | {"reason": "STICKY"}
