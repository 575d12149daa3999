"""A bandit as its users meet it: it adapts while data arrives, and says so where it cannot."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.settings import Settings
from persistence.models import VARIANTS
from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.graphql_api.rows import database_of
from tests.graphql_api.tracking import ask
from tests.graphql_api.writing import changed, phases, refusals, running, shown, weights
from tests.persistence.servers import ask as ask_sql
from tests.persistence.shops import rows_of
from tests.secret import SECRET_KEY

OTHER_KEY = "00" * 32
A_MINUTE_LATER = "UPDATE ab_phases SET opened_at = opened_at - interval '1 minute'"
ASSIGN = """
mutation($input: [AssignInput!]!) {
  assignBatch(input: $input) { results { assignment { phase propensity variant { name } } } }
}
"""
CONVERT = """
mutation($input: [ConvertInput!]!) { convertBatch(input: $input) { results { recorded } } }
"""
HISTORY = '{ experiment(by: {name: "checkout"}) { history(first: 20) { nodes { changes } } } }'
STATES = """
query($id: ID!) {
  experiment(by: {id: $id}) {
    banditFault
    variants { name trafficWeight bandit { alpha beta probabilityBest weight updatedAt } }
  }
}
"""


async def bandit(graph: Graph, *names: str) -> dict[str, Any]:
    return await running(graph, dict.fromkeys(names or ("a", "b")), allocation="THOMPSON")


async def arrive(graph: Graph, prefix: str, count: int = 500) -> list[dict[str, Any]]:
    """Everybody who got b converts, and nobody else."""
    users = [{"experiment": "checkout", "userId": f"{prefix}-{n}"} for n in range(count)]
    answers = (await graph(ASSIGN, input=users))["assignBatch"]["results"]
    found = [answer["assignment"] for answer in answers]
    won = [user for user, one in zip(users, found, strict=True) if one["variant"]["name"] == "b"]
    await graph(CONVERT, input=won)
    return found


async def adapted(graph: Graph, url: str, made: dict[str, Any], phase: int) -> dict[str, Any]:
    """When the phase has been opened, a minute after the one before."""
    await ask_sql(url, A_MINUTE_LATER)
    async with asyncio.timeout(30):
        while (now := await shown(graph, made["id"]))["phase"] < phase:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # nobody tells
    return now


async def states(graph: Graph, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await graph(STATES, id=made["id"]))["experiment"]
    return found


async def test_it_begins_with_equal_weights_and_knows_nothing(graph: Graph) -> None:
    made = await bandit(graph, "a", "b", "c", "d")

    found = await states(graph, made)

    assert found["banditFault"] is None
    assert weights(made) == dict.fromkeys("abcd", 0.25)
    assert [one["bandit"] for one in found["variants"]] == [
        {
            "alpha": 1,
            "beta": 1,
            "probabilityBest": 0.25,
            "weight": 0.25,
            "updatedAt": made["startedAt"],
        }
    ] * 4


async def test_while_data_arrives_it_gives_more_users_to_what_is_better(
    graph: Graph, database_url: str
) -> None:
    made = await bandit(graph)
    first = await arrive(graph, "early")

    now = await adapted(graph, database_url, made, 2)

    assert weights(now) == pytest.approx({"a": 0.05, "b": 0.95})
    assert (now["version"], now["updatedAt"]) == (made["version"] + 1, made["updatedAt"])
    assert phases(now)[-1] == (2, weights(now), 1.0)
    assert {(one["phase"], one["propensity"]) for one in first} == {(1, 0.5)}
    later = await arrive(graph, "late")
    assert {(one["phase"], one["variant"]["name"]) for one in later} == {(2, "a"), (2, "b")}
    assert {one["variant"]["name"]: one["propensity"] for one in later} == weights(now)
    assert 0.9 < sum(one["variant"]["name"] == "b" for one in later) / len(later) < 1


async def test_what_it_knows_is_shown(graph: Graph, database_url: str) -> None:
    made = await bandit(graph)
    arrived = await arrive(graph, "early")
    await adapted(graph, database_url, made, 2)

    found = await states(graph, made)

    users = sum(one["variant"]["name"] == "b" for one in arrived)
    a, b = (one["bandit"] for one in found["variants"])
    assert (a["alpha"], a["beta"]) == (1, 501 - users)
    assert (b["alpha"], b["beta"]) == (users + 1, 1)
    assert (a["weight"], b["weight"]) == pytest.approx((0.05, 0.95))
    assert b["probabilityBest"] == pytest.approx(1)


async def test_who_came_early_keeps_what_they_got(graph: Graph, database_url: str) -> None:
    made = await bandit(graph)
    first = await arrive(graph, "early", 100)
    await arrive(graph, "more", 300)
    await adapted(graph, database_url, made, 2)

    assert await arrive(graph, "early", 100) == first


async def test_nothing_of_what_is_sealed_can_be_read_in_the_table_or_the_history(
    app: Starlette, graph: Graph
) -> None:
    await bandit(graph)

    sealed = [variant.algorithm_state for variant in await rows_of(database_of(app), VARIANTS)]
    history = await graph(HISTORY)

    assert [state is not None and b"alpha" not in state for state in sealed] == [True, True]
    assert "algorithm" not in str(history)


async def test_the_weights_of_a_running_bandit_are_not_peoples_to_set(graph: Graph) -> None:
    made = await bandit(graph)

    refused = await refusals(
        graph, "variantUpdate", id=made["variants"][0]["id"], trafficWeight=0.9
    )

    assert refused == [
        ("INVALID", "input.trafficWeight", "the weights of a running bandit follow its results")
    ]


@pytest.mark.parametrize(
    ("tampering", "fault"),
    [
        ("SET algorithm_state = set_byte(algorithm_state, 40, 0)", "TAMPERED"),
        ("SET algorithm_state = '\\x01'", "TAMPERED"),
        ("SET algorithm_state = NULL", "MISSING"),
        ("SET traffic_weight = 0.99", "MISMATCHED"),
    ],
)
async def test_what_was_tampered_with_is_named_and_the_traffic_is_shared_equally(
    graph: Graph, database_url: str, tampering: str, fault: str
) -> None:
    made = await bandit(graph)
    await arrive(graph, "early")
    await adapted(graph, database_url, made, 2)
    await ask_sql(database_url, f"UPDATE ab_variants {tampering} WHERE variant_name = 'b'")
    assert (await states(graph, made))["banditFault"] == fault

    await touch(database_url)
    found = await noticed(graph, made, 3)

    assert weights(found) == {"a": 0.5, "b": 0.5}
    assert phases(found)[-1] == (3, {"a": 0.5, "b": 0.5}, 1.0)
    assert {one["bandit"] is None for one in (await states(graph, made))["variants"]} == {True}
    later = await arrive(graph, "late")
    assert {(one["phase"], one["propensity"]) for one in later} == {(3, 0.5)}


async def touch(url: str) -> None:
    """So that a process reads it again."""
    await ask_sql(url, "UPDATE ab_experiments SET version = version + 1")


async def noticed(graph: Graph, made: dict[str, Any], phase: int) -> dict[str, Any]:
    async with asyncio.timeout(30):
        number = 0
        while (now := await shown(graph, made["id"]))["phase"] < phase:
            await ask(graph, "assign", f"somebody-{(number := number + 1)}")
            await asyncio.sleep(0.1)
    return now


async def test_paused_and_resumed_it_begins_again(graph: Graph, database_url: str) -> None:
    made = await bandit(graph)
    await ask_sql(database_url, "UPDATE ab_variants SET algorithm_state = NULL")
    assert (await states(graph, made))["banditFault"] == "MISSING"

    for step in ("experimentPause", "experimentResume"):
        await changed(graph, step, experiment={"id": made["id"]})

    assert (await states(graph, made))["banditFault"] is None
    await arrive(graph, "early")
    assert weights(await adapted(graph, database_url, made, 3))["b"] == pytest.approx(0.95)


async def test_after_a_restart_it_goes_on_where_it_was(graph: Graph, database_url: str) -> None:
    made = await bandit(graph)
    await arrive(graph, "early")
    before = await adapted(graph, database_url, made, 2)

    another = create_app(Settings(secret_key=SECRET_KEY), database_url)
    async with another.router.lifespan_context(another):
        again = Graph(httpx.ASGITransport(another), SERVER_KEY)
        later = await arrive(again, "late")
        found = await states(again, made)

    assert found["banditFault"] is None
    assert {one["phase"] for one in later} == {before["phase"]}
    assert {one["variant"]["name"]: one["propensity"] for one in later} == weights(before)


async def test_a_server_with_another_key_believes_nothing_and_overwrites_nothing(
    graph: Graph, database_url: str
) -> None:
    made = await bandit(graph)

    stranger = create_app(Settings(secret_key=OTHER_KEY), database_url)
    async with stranger.router.lifespan_context(stranger):
        theirs = Graph(httpx.ASGITransport(stranger), SERVER_KEY)
        found = await states(theirs, made)
        arrived = await arrive(theirs, "early", 100)

    assert found["banditFault"] == "UNKNOWN_KEY"
    assert {one["propensity"] for one in arrived} == {0.5}
    assert (await states(graph, made))["banditFault"] is None


async def test_two_servers_open_each_epoch_once(graph: Graph, database_url: str) -> None:
    made = await bandit(graph)
    another = create_app(Settings(secret_key=SECRET_KEY), database_url)
    async with another.router.lifespan_context(another):
        again = Graph(httpx.ASGITransport(another), SERVER_KEY)
        await asyncio.gather(arrive(graph, "ours"), arrive(again, "theirs"))
        await adapted(graph, database_url, made, 2)
        await asyncio.sleep(2.5)

    now = await shown(graph, made["id"])
    assert [number for number, _, _ in phases(now)] == [1, 2]
