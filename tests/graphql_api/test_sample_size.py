"""How many users a test needs, as it is asked for through the graph."""

from typing import Any

import pytest

from tests.graphql_api.conftest import Graph

QUERY = "query ($input: SampleSizeInput!) { sampleSize(input: $input) { %s } }"
WHOLE = QUERY % "usersPerVariant usersTotal days"
RATE = {"baseline": 0.045, "minimumDetectableEffect": 0.051 / 0.045 - 1}
MEAN = {"baseline": 20, "minimumDetectableEffect": 0.05, "standardDeviation": 35}


async def planned(graph: Graph, **input: Any) -> tuple[int, int, float | None]:
    plan = (await graph(WHOLE, input=input))["sampleSize"]
    return plan["usersPerVariant"], plan["usersTotal"], plan["days"]


async def refused(graph: Graph, **input: Any) -> str:
    """The sentence of the only refusal."""
    [error] = await graph.errors(WHOLE, input=input)
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    sentence: str = error["message"]
    return sentence


@pytest.mark.parametrize(
    ("more", "users"),
    [({}, 19_956), ({"variants": 4}, 26_618), ({"alpha": 0.05 / 3}, 26_618)],
    ids=["one comparison", "three of them", "at their level"],
)
async def test_the_worked_example_comes_out(
    graph: Graph, more: dict[str, float], users: int
) -> None:
    variants = int(more.get("variants", 2))

    assert await planned(graph, **RATE, **more) == (users, users * variants, None)


async def test_a_test_runs_for_whole_weeks(graph: Graph) -> None:
    days = [(await planned(graph, **RATE, usersPerDay=a_day))[2] for a_day in (5_702, 5_701, 0.5)]

    assert days == [7.0, 14.0, 79_828.0]


async def test_a_mean_takes_its_spread_into_account(graph: Graph) -> None:
    per_variant, total, _ = await planned(graph, **MEAN)

    assert (per_variant, total) == (20_196, 40_392)


async def test_a_change_for_the_worse_can_be_planned_too(graph: Graph) -> None:
    better, worse = [
        (await planned(graph, baseline=0.1, minimumDetectableEffect=change))[0]
        for change in (0.2, -0.2)
    ]

    assert (better, worse) == (3_857, 3_232)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("baseline", 0, "is 0: it must lie between 0 and 1"),
        ("baseline", 1, "is 1: it must lie between 0 and 1"),
        ("baseline", -0.1, "is -0.1: it must lie between 0 and 1"),
        ("minimumDetectableEffect", 0, "must not be 0: no number of users finds it"),
        ("minimumDetectableEffect", -1, "is -1: it must be above -1"),
        ("minimumDetectableEffect", 1e-9, "is too small: it takes more than 10^15 users"),
        (
            "minimumDetectableEffect",
            30,
            "takes a rate of 0.045 to 1 or more: give 0.05 for 5 %",
        ),
        ("standardDeviation", 0, "is 0: it must be above 0"),
        ("alpha", 0, "is 0: it must lie between 0 and 1"),
        ("alpha", 1, "is 1: it must lie between 0 and 1"),
        ("power", 0.05, "is 0.05: it must lie between 0.05 and 1"),
        ("power", 1, "is 1: it must lie between 0.05 and 1"),
        ("variants", 1, "is 1: it must be from 2 to 100"),
        ("variants", 101, "is 101: it must be from 2 to 100"),
        ("usersPerDay", 0, "is 0: it must be above 0"),
        ("usersPerDay", 1e-9, "is so small that the test would never end"),
    ],
    ids=str,
)
async def test_what_cannot_be_planned_is_refused_by_the_name_of_its_field(
    graph: Graph, field: str, value: float, message: str
) -> None:
    assert await refused(graph, **(RATE | {field: value})) == f"{field}: {message}"


async def test_all_faults_are_told_at_once(graph: Graph) -> None:
    wrong = {"baseline": 2, "minimumDetectableEffect": 0, "power": 0, "variants": 0}

    errors = await graph.errors(WHOLE, input=wrong)

    assert [error["message"].partition(":")[0] for error in errors] == [
        "baseline",
        "power",
        "variants",
        "minimumDetectableEffect",
    ]


@pytest.mark.parametrize("text", ["1e400", "-1e400", "NaN"])
async def test_a_number_that_is_none_is_refused(graph: Graph, text: str) -> None:
    query = "{ sampleSize(input: {baseline: %s, minimumDetectableEffect: 0.1}) { days } }"

    [error] = await graph.errors(query % text)

    assert error["extensions"]["code"] in ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")
