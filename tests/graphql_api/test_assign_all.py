"""Every running experiment for a page in one call."""

from typing import Any

import pytest
from starlette.applications import Starlette

from domain.bucketing import bucket
from domain.experiments import HashAlgorithm
from persistence.engine import Database
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import settle
from tests.graphql_api.tracking import ask, assign, document, outcome, refusals, took, written
from tests.graphql_api.writing import Shown, changed, draft, moved, running

NOTHING = (0, 0, 0, 0)
PAGE = "https://shop.example/checkout"
TARGETS = {"everywhere": None, "host": "shop.example/*", "path": "/checkout", "start": "/"}


async def page(graph: Graph, **input: Any) -> list[Shown]:
    payload = await ask(graph, "assignAll", **input)
    assert payload["errors"] == []
    results: list[Shown] = payload["results"]
    return results


def names(results: list[Shown]) -> list[str]:
    return [result["experiment"] for result in results]


async def test_a_user_takes_part_in_all_that_runs_in_the_order_of_names(
    app: Starlette, graph: Graph
) -> None:
    for name in ("c", "a", "b"):
        await running(graph, name=name)
    for status in ("DRAFT", "PAUSED", "COMPLETED", "ARCHIVED"):
        await moved(graph, status, name=status)

    results = await page(graph)

    assert names(results) == ["a", "b", "c"]
    for result in results:
        place = bucket(HashAlgorithm.GROWTHBOOK_V2, result["experiment"], "ada")
        assert result["assignment"]["bucketValue"] == place
        assert outcome(result) == ("NEW", "a" if place < 0.5 else "b")
    assert await written(app) == (3, 0, 0, 3)


async def test_it_answers_what_assign_answers(graph: Graph) -> None:
    for name in ("a", "b"):
        await running(graph, name=name)
    first = await ask(graph, "assign", experiment="b")

    [a, b] = await page(graph)

    assert b == first | {"experiment": "b", "reason": "STICKY"}
    assert await ask(graph, "assign", experiment="a") | {"experiment": "a"} == a | {
        "reason": "STICKY"
    }


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (PAGE, ["everywhere", "host", "path"]),
        ("https://other.example/", ["everywhere", "start"]),
        ("", ["everywhere", "start"]),
        (None, ["everywhere", "host", "path", "start"]),
    ],
)
async def test_a_page_takes_those_that_are_for_it(
    app: Starlette, graph: Graph, url: str | None, expected: list[str]
) -> None:
    for name, target in TARGETS.items():
        await running(graph, name=name, targetUrl=target)

    assert names(await page(graph, url=url)) == expected
    assert (await written(app))[0] == len(expected)


async def test_those_outside_the_traffic_are_told_and_not_recorded(
    app: Starlette, graph: Graph
) -> None:
    await running(graph, trafficAllocation=0)

    [result] = await page(graph)

    assert outcome(result) == ("NOT_IN_TRAFFIC", None)
    assert await written(app) == NOTHING


async def test_only_those_that_are_named_are_answered_in_that_order(
    app: Starlette, graph: Graph
) -> None:
    made = [await running(graph, name=name) for name in ("a", "b", "c")]
    await draft(graph, name="later")

    results = await page(graph, experiments=["later", "c", made[0]["id"]])

    assert names(results) == ["later", "c", made[0]["id"]]
    assert [result["reason"] for result in results] == ["NOT_RUNNING", "NEW", "NEW"]
    assert (await written(app))[0] == 2


async def test_unknown_names_spoil_none_of_the_others(
    app: Starlette, graph: Graph, database: Database
) -> None:
    theirs = await settle(database)
    await running(graph, name="a")
    unknown = ["nothing", theirs.ids["Experiment"], "checkout", "", "N\0L"]

    results = await page(graph, experiments=[*unknown, "a"])

    assert names(results) == [*unknown, "a"]
    told = [[code for code, _, _ in refusals(result)] for result in results[:-1]]
    assert told == [["NOT_FOUND"]] * 4 + [["INVALID"]]
    assert results[-1]["reason"] == "NEW"


async def test_an_experiment_named_twice_is_assigned_once(app: Starlette, graph: Graph) -> None:
    made = await running(graph)

    results = await page(graph, experiments=["checkout", "checkout", made["id"]])

    assert names(results) == ["checkout", made["id"]]
    assert [result["reason"] for result in results] == ["NEW", "STICKY"]
    assert (await written(app))[0] == 1


async def test_named_experiments_of_other_pages_are_left_out(graph: Graph) -> None:
    for name, target in TARGETS.items():
        await running(graph, name=name, targetUrl=target)

    results = await page(graph, url=PAGE, experiments=["start", "path", "nothing"])

    assert names(results) == ["path", "nothing"]


async def test_where_nothing_is_meant_nothing_is_answered(app: Starlette, graph: Graph) -> None:
    assert await page(graph) == []
    await running(graph)

    assert await page(graph, experiments=[]) == []
    assert await written(app) == NOTHING


async def test_what_was_stopped_is_gone_from_pages_at_once(graph: Graph) -> None:
    await running(graph)
    assert names(await page(graph)) == ["checkout"]

    await changed(graph, "experimentPause", experiment={"name": "checkout"})

    assert await page(graph) == []
    assert names(await page(graph, experiments=["checkout"])) == ["checkout"]


@pytest.mark.parametrize("experiments", [None, [], ["checkout"]], ids=["all", "none", "one"])
async def test_a_user_without_a_name_is_refused_once_for_all(
    app: Starlette, graph: Graph, experiments: list[str] | None
) -> None:
    await running(graph)

    payload = await ask(graph, "assignAll", "", experiments=experiments)

    assert refusals(payload) == [("INVALID", "input.userId", "must not be empty")]
    assert await written(app) == NOTHING


async def test_at_most_500_experiments_are_named(app: Starlette, graph: Graph) -> None:
    await running(graph)
    named = [f"x{number}" for number in range(499)] + ["checkout"]

    refused = await ask(graph, "assignAll", experiments=[*named, "y"])

    told = "has 501 entries: at most 500 are allowed"
    assert refusals(refused) == [("INVALID", "input.experiments", told)]
    assert await written(app) == NOTHING
    assert len(await page(graph, experiments=named)) == 500


async def test_a_malformed_url_is_refused(app: Starlette, graph: Graph) -> None:
    await running(graph)

    [error] = await graph.errors(
        document("assignAll"), input={"userId": "ada", "url": "http://[half"}
    )

    assert (error["message"], error["extensions"]["code"]) == (
        "url is malformed",
        "BAD_USER_INPUT",
    )
    assert await written(app) == NOTHING


async def test_a_page_of_many_experiments_is_as_many_statements_as_one(
    app: Starlette, graph: Graph
) -> None:
    for number in range(10):
        await running(graph, name=f"x{number}")
    await page(graph, user_id="bob")

    first, again = [await took(app, graph, "assignAll", {"userId": "ada"}) for _ in range(2)]

    assert first == ["INSERT ab_assignments", "INSERT ab_running_sums"]
    assert again == ["INSERT ab_assignments", "SELECT ab_assignments"]
    assert (await assign(graph, experiment="x3"))[0] == "STICKY"
