"""At most 500 are answered one by one, in order; one bad item spoils none of the others."""

from itertools import islice
from typing import Any, TypeAlias

import pytest
from starlette.applications import Starlette

from tests.graphql_api.conftest import Graph
from tests.graphql_api.tracking import (
    Held,
    Shown,
    ask,
    assign,
    batch,
    document,
    outcome,
    refusals,
    sums,
    took,
    users_between,
    written,
)
from tests.graphql_api.writing import draft, running

BATCHES = ("assignBatch", "convertBatch", "trackBatch")
ORDER = {"eventType": "order"}
METRICS = [{"name": "orders", "eventType": "order", "aggregation": "SUM", "role": "PRIMARY"}]
LARGE = {"a": "x" * (64 * 1024)}
TOO_LARGE = "has more than 65536 bytes as JSON"
UNASSIGNED = "this user has no assignment in that experiment"
OUT_OF_RANGE = "is 1e+16: it must be from -1e+15 to 1e+15"
Wrong: TypeAlias = dict[str, tuple[dict[str, Any], tuple[str, str, str]]]
BAD: Wrong = {
    "no user": ({"userId": ""}, ("INVALID", "userId", "must not be empty")),
    "no experiment": (
        {"experiment": "nothing"},
        ("NOT_FOUND", "experiment", "there is no experiment nothing"),
    ),
    "NUL": ({"userId": "a\0"}, ("INVALID", "userId", "must not hold the character NUL")),
    "long": (
        {"userId": "x" * 257},
        ("INVALID", "userId", "has 257 characters: at most 256 are allowed"),
    ),
}
OF_REPORTS: Wrong = {
    "a draft": (
        {"experiment": "later"},
        ("EXPERIMENT_NOT_RUNNING", "experiment", "later is DRAFT: nothing is reported to it"),
    ),
    "not assigned": ({"userId": "nobody"}, ("NOT_ASSIGNED", "userId", UNASSIGNED)),
    "out of range": ({"value": 1e16}, ("INVALID", "value", OUT_OF_RANGE)),
}
OF_EACH: dict[str, Wrong] = {
    "assignBatch": {
        "large": ({"context": LARGE}, ("INVALID", "context", TOO_LARGE)),
        "no variant": (
            {"forceVariant": "z"},
            ("NOT_FOUND", "forceVariant", "checkout has no variant 'z'"),
        ),
    },
    "convertBatch": OF_REPORTS
    | {"large": ({"metadata": LARGE}, ("INVALID", "metadata", TOO_LARGE))},
    "trackBatch": OF_REPORTS
    | {
        "large": ({"data": LARGE}, ("INVALID", "data", TOO_LARGE)),
        "in a thousand years": (
            {"timestamp": "3026-01-01T00:00:00Z"},
            ("INVALID", "timestamp", "lies more than 24 hours ahead"),
        ),
    },
}


@pytest.fixture
async def users(graph: Graph) -> list[str]:
    """Three of variant a, assigned."""
    await running(graph, metrics=METRICS)
    await draft(graph, name="later")
    found = list(islice(users_between(0, 0.5), 3))
    for user in found:
        await assign(graph, user)
    return found


def items(mutation: str, users: list[str]) -> list[Shown]:
    more = ORDER if mutation == "trackBatch" else {}
    return [{"userId": user, "experiment": "checkout"} | more for user in users]


@pytest.mark.parametrize("mutation", BATCHES)
async def test_each_bad_item_is_refused_alone(
    app: Starlette, graph: Graph, users: list[str], mutation: str
) -> None:
    wrong = BAD | OF_EACH[mutation]
    good = items(mutation, ["ada", *users] if mutation == "assignBatch" else users)
    bad = [good[-1] | changes for changes, _ in wrong.values()]
    mixed = [part for pair in zip(bad, [good[0]] * len(bad), strict=True) for part in pair]

    answers = await batch(graph, mutation, [*mixed, *good[1:]])

    told = [refusals(answer) for answer in answers[: 2 * len(bad) : 2]]
    assert told == [[(code, f"input.{place}", said)] for _, (code, place, said) in wrong.values()]
    others = answers[1 : 2 * len(bad) : 2] + answers[2 * len(bad) :]
    assert [answer["errors"] for answer in others] == [[]] * (len(bad) + len(good) - 1)
    rows = {
        "assignBatch": (4, 0),
        "convertBatch": (3, 3),
        "trackBatch": (3, len(bad) + 2),
    }
    assert (await written(app))[:2] == rows[mutation]


async def test_a_batch_of_refusals_writes_nothing(
    app: Starlette, graph: Graph, users: list[str]
) -> None:
    before = await written(app)

    for mutation in BATCHES:
        wrong = [changes for changes, _ in (BAD | OF_EACH[mutation]).values()]
        answers = await batch(graph, mutation, [items(mutation, users)[0] | each for each in wrong])
        assert all(refusals(answer) for answer in answers)

    assert await written(app) == before


async def test_answers_come_in_order(graph: Graph) -> None:
    await running(graph, trafficAllocation=0.5)
    await running(graph, name="other")
    await draft(graph, name="later")
    inside, outside = next(users_between(0.5, 0.75)), next(users_between(0.25, 0.5))

    answers = await batch(
        graph,
        "assignBatch",
        [
            {"userId": outside},
            {"userId": inside},
            {"userId": inside, "experiment": "later"},
            {"userId": outside, "forceVariant": "a"},
            {"userId": inside},
            {"userId": inside, "experiment": "other"},
        ],
    )

    assert [outcome(answer) for answer in answers[:5]] == [
        ("NOT_IN_TRAFFIC", None),
        ("NEW", "b"),
        ("NOT_RUNNING", None),
        ("FORCED", "a"),
        ("STICKY", "b"),
    ]
    assert answers[4] == answers[1] | {"reason": "STICKY"}
    assert answers[5]["reason"] == "NEW"


async def test_of_the_same_conversion_twice_the_first_counts(
    app: Starlette, graph: Graph, users: list[str]
) -> None:
    values = (3, 4, 5)

    answers = await batch(
        graph, "convertBatch", [{"userId": users[0], "value": value} for value in values]
    )

    assert [answer["recorded"] for answer in answers] == [True, False, False]
    assert [answer["assignment"]["conversionValue"] for answer in answers] == [3, 3, 3]
    assert await sums(app) == {("a", ""): Held(3, 3, 9, 1, 1, 3)}


async def test_of_events_with_one_id_the_first_of_each_user_counts(
    app: Starlette, graph: Graph, users: list[str]
) -> None:
    given = [(users[0], "e1", 1), (users[1], "e1", 2), (users[0], "e1", 4), (users[0], "e2", 8)]

    answers = await batch(
        graph,
        "trackBatch",
        [{"userId": user, "eventId": name, "value": value} | ORDER for user, name, value in given],
    )

    assert [answer["recorded"] for answer in answers] == [True, True, False, True]
    assert [answer["metric"]["eventValue"] for answer in answers] == [1, 2, 1, 8]
    assert answers[2] == answers[0] | {"recorded": False}
    assert (await sums(app))["a", "orders"] == Held(2, 9 + 2, 81 + 4, 3, 4 + 1, 18 + 2)


@pytest.mark.parametrize("mutation", BATCHES)
async def test_500_are_taken_in_as_many_statements_as_one(
    app: Starlette, graph: Graph, mutation: str
) -> None:
    await running(graph, metrics=METRICS)
    many = [f"user-{number}" for number in range(500)]
    if mutation != "assignBatch":
        await batch(graph, "assignBatch", [{"userId": user} for user in many])
    await assign(graph)

    seen = await took(app, graph, mutation, items(mutation, many))

    read, kept, grown = "SELECT ab_assignments", "INSERT ab_metrics", "INSERT ab_running_sums"
    assert (
        seen
        == {
            "assignBatch": ["INSERT ab_assignments", grown],
            "convertBatch": [read, kept, "UPDATE ab_assignments", grown],
            "trackBatch": [read, kept, "INSERT ab_user_totals", grown],
        }[mutation]
    )
    answers = await batch(graph, mutation, items(mutation, many))
    assert len(answers) == 500
    events = {"assignBatch": 0, "convertBatch": 500, "trackBatch": 1000}
    assert (await written(app))[:2] == (501, events[mutation])


@pytest.mark.parametrize("mutation", BATCHES)
async def test_501_are_refused_as_a_whole(
    app: Starlette, graph: Graph, users: list[str], mutation: str
) -> None:
    before = await written(app)

    answer = await graph(document(mutation), input=items(mutation, users) * 167)

    assert answer[mutation] == {
        "results": [],
        "errors": [
            {
                "message": "has 501 entries: at most 500 are allowed",
                "path": ["input"],
                "code": "INVALID",
            }
        ],
    }
    assert await written(app) == before


@pytest.mark.parametrize("mutation", BATCHES)
async def test_an_empty_batch_has_no_answers(graph: Graph, mutation: str) -> None:
    assert await batch(graph, mutation, []) == []


async def test_a_batch_may_speak_of_many_experiments(app: Starlette, graph: Graph) -> None:
    made = [await running(graph, name=f"x{number}") for number in range(5)]
    named = [one["id"] if place % 2 else one["name"] for place, one in enumerate(made)]

    answers = await batch(
        graph, "assignBatch", [{"userId": "ada", "experiment": name} for name in named]
    )

    assert [answer["reason"] for answer in answers] == ["NEW"] * 5
    for name, answer in zip(named, answers, strict=True):
        assert await ask(graph, "assign", experiment=name) == answer | {"reason": "STICKY"}
    assert (await written(app))[0] == 5
