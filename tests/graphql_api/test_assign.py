"""Which variant a user gets, in the order in which that is decided, and what is kept of it."""

import asyncio
from collections import Counter

import pytest
from starlette.applications import Starlette

from domain.bucketing import bucket
from domain.experiments import HashAlgorithm
from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import (
    Held,
    ask,
    assign,
    refusals,
    sums,
    took,
    users_between,
    written,
)
from tests.graphql_api.writing import draft, moved, running

NOTHING = (0, 0, 0, 0)


async def test_a_user_gets_the_variant_that_owns_their_bucket(app: Starlette, graph: Graph) -> None:
    await running(graph, {"a": 0.25, "b": 0.75})
    first, second = next(users_between(0, 0.25)), next(users_between(0.25, 1))

    payloads = [await ask(graph, "assign", user) for user in (first, second)]

    for payload, user, name, weight in zip(
        payloads, (first, second), "ab", (0.25, 0.75), strict=True
    ):
        assert (payload["reason"], payload["variant"]) == ("NEW", {"name": name})
        del payload["assignment"]["id"]
        assert payload["assignment"] == {
            "userId": user,
            "phase": 1,
            "bucketValue": bucket(HashAlgorithm.GROWTHBOOK_V2, "checkout", user),
            "propensity": weight,
            "variant": {"name": name},
        }
    assert await written(app) == (2, 0, 0, 2)
    assert await sums(app) == {("a", ""): Held(1), ("b", ""): Held(1)}


async def test_asked_again_it_answers_the_same_and_counts_nobody(
    app: Starlette, graph: Graph
) -> None:
    await running(graph)
    first = await ask(graph, "assign")

    again = [await ask(graph, "assign", context={"visit": number}) for number in range(3)]

    assert again == [first | {"reason": "STICKY"}] * 3
    assert await written(app) == (1, 0, 0, 1)
    assert list((await sums(app)).values()) == [Held(1)]


async def test_twenty_calls_at_once_make_one_assignment(app: Starlette, graph: Graph) -> None:
    await running(graph)

    payloads = await asyncio.gather(*(ask(graph, "assign") for _ in range(20)))

    assert Counter(payload["reason"] for payload in payloads) == {"NEW": 1, "STICKY": 19}
    assert len({payload["assignment"]["id"] for payload in payloads}) == 1
    assert await written(app) == (1, 0, 0, 1)
    assert list((await sums(app)).values()) == [Held(1)]


async def test_an_experiment_is_named_by_name_or_by_id(graph: Graph) -> None:
    made = await running(graph)

    by_id = await ask(graph, "assign", experiment=made["id"])
    by_name = await ask(graph, "assign", experiment="checkout")

    assert by_id | {"reason": "STICKY"} == by_name


@pytest.mark.parametrize("named", ["nothing", "", "Checkout", "RXhwZXJpbWVudDp4", "🙂"])
async def test_an_experiment_that_does_not_exist_is_not_found(
    app: Starlette, graph: Graph, named: str
) -> None:
    await running(graph)

    payload = await ask(graph, "assign", experiment=named, forceVariant="a")

    assert refusals(payload) == [
        ("NOT_FOUND", "input.experiment", f"there is no experiment {named}")
    ]
    assert await written(app) == NOTHING


@pytest.mark.parametrize("status", ["DRAFT", "ACTIVE", "PAUSED", "COMPLETED", "ARCHIVED"])
async def test_a_forced_variant_is_shown_whatever_holds_and_not_recorded(
    app: Starlette, graph: Graph, status: str
) -> None:
    await moved(graph, status, trafficAllocation=0)

    for name in ("a", "b"):
        assert await assign(graph, forceVariant=name) == ("FORCED", name)

    assert await written(app) == NOTHING


async def test_who_has_a_variant_may_be_shown_another_and_keeps_theirs(graph: Graph) -> None:
    await running(graph)
    _, theirs = await assign(graph)
    other = "b" if theirs == "a" else "a"

    payload = await ask(graph, "assign", forceVariant=other)

    assert (payload["reason"], payload["variant"]) == ("FORCED", {"name": other})
    assert payload["assignment"] is None
    assert await assign(graph) == ("STICKY", theirs)


async def test_a_forced_variant_that_does_not_exist_is_not_found(
    app: Starlette, graph: Graph
) -> None:
    await running(graph)

    payload = await ask(graph, "assign", forceVariant="c\0")

    assert refusals(payload) == [
        ("NOT_FOUND", "input.forceVariant", "checkout has no variant 'c\\x00'")
    ]
    assert await written(app) == NOTHING


@pytest.mark.parametrize("status", ["DRAFT", "PAUSED", "COMPLETED", "ARCHIVED"])
async def test_nobody_new_takes_part_in_what_does_not_run(
    app: Starlette, graph: Graph, status: str
) -> None:
    await moved(graph, status)

    assert await assign(graph) == ("NOT_RUNNING", None)
    assert await written(app) == NOTHING


async def test_who_is_outside_the_traffic_is_not_recorded(app: Starlette, graph: Graph) -> None:
    await running(graph, trafficAllocation=0.5)
    ranges = {(0, 0.25): "a", (0.25, 0.5): None, (0.5, 0.75): "b", (0.75, 1): None}

    for (low, high), name in ranges.items():
        user = next(users_between(low, high))
        expected = ("NEW", name) if name else ("NOT_IN_TRAFFIC", None)
        assert await assign(graph, user) == expected

    assert await written(app) == (2, 0, 0, 2)


@pytest.mark.parametrize("algorithm", HashAlgorithm)
async def test_each_algorithm_decides_by_its_own_bucket(
    graph: Graph, algorithm: HashAlgorithm
) -> None:
    await running(graph, hashAlgorithm=algorithm.name, hashSeed="cta")
    users = [f"user-{number}" for number in range(8)]

    payloads = [await ask(graph, "assign", user) for user in users]

    places = [bucket(algorithm, "cta", user) for user in users]
    assert [payload["assignment"]["bucketValue"] for payload in payloads] == places
    names = [payload["variant"]["name"] for payload in payloads]
    assert names == ["a" if place < 0.5 else "b" for place in places]


async def test_what_the_tracker_knows_is_kept_from_the_first_visit(graph: Graph) -> None:
    await running(graph)
    await assign(graph, sessionId="s1", context={"country": "CH"}, metadata=["web"])

    await assign(graph, sessionId="s2", context={}, metadata={})

    query = (
        '{ assignment(experiment: { name: "checkout" }, userId: "ada") '
        "{ sessionId context metadata } }"
    )
    kept = {"sessionId": "s1", "context": {"country": "CH"}, "metadata": ["web"]}
    assert (await graph(query))["assignment"] == kept


async def test_a_first_visit_is_two_statements_and_a_later_one_too(
    app: Starlette, graph: Graph
) -> None:
    await running(graph)
    await assign(graph, "bob")
    ada = {"experiment": "checkout", "userId": "ada"}

    first, again = [await took(app, graph, "assign", ada) for _ in range(2)]

    assert first == ["INSERT ab_assignments", "INSERT ab_running_sums"]
    assert again == ["INSERT ab_assignments", "SELECT ab_assignments"]


async def test_who_gets_nothing_is_at_most_one_statement(app: Starlette, graph: Graph) -> None:
    await running(graph, trafficAllocation=0)
    await draft(graph, name="later")
    asked = {"userId": "ada", "experiment": "checkout"}
    await assign(graph, experiment="later")
    await assign(graph)

    outside = await took(app, graph, "assign", asked)
    forced = await took(app, graph, "assign", asked | {"forceVariant": "a"})
    too_early = await took(app, graph, "assign", asked | {"experiment": "later"})

    assert (outside, forced, too_early) == (["SELECT ab_assignments"], [], [])
