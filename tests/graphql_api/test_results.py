"""What is shown of an experiment, from what its trackers have sent."""

import json
import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.analysis.intervals import wilson_interval
from tests.domain.analysis.observing import conversions, first_comparison, numbers
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import AUTHENTICATION, database_of, id_of, other_project, populate
from tests.graphql_api.tracking import BOTH, Shown, document, users_between
from tests.graphql_api.writing import arm, changed, draft, running
from tests.persistence.statements import counted

FOUND = """
fragment Said on Inference { interval { lower upper level } pValue adjustedPValue significant }
fragment Told on Effect {
  estimate anytime { ...Said } fixed { ...Said } credible { lower upper level } notes
}
fragment Found on ExperimentResults {
  asOf revision totalAssignments totalConversions conversionRate progress
  sampleRatio { state expected observed pValue anytimePValue }
  metrics {
    metric { name }
    variants {
      variant { name } users conversions total mean standardDeviation
      interval { lower upper level } probabilityBest expectedLoss
    }
    comparisons {
      variant { name } control { name } absolute { ...Told } relative { ...Told }
      chanceToBeatControl expectedLoss
    }
  }
  decision { kind variant { name } reason arms { variant { name } kind reason } }
}
"""
RESULTS = "query ($by: ExperimentBy!) { experiment(by: $by) { results { ...Found } } }" + FOUND
Arms = Mapping[str, tuple[int, int]]


async def results(graph: Graph, name: str = "checkout") -> Shown:
    """As they are, read by a parser that knows neither NaN nor Infinity."""
    answer = await graph.send(RESULTS, by={"name": name})
    body = json.loads(answer.text, parse_constant=_no_number)
    assert "errors" not in body, body["errors"]
    shown: Shown = body["data"]["experiment"]["results"]
    return shown


def _no_number(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


async def send(graph: Graph, mutation: str, items: list[Shown]) -> None:
    asked = document(mutation, "results { errors { message } } errors { message }")
    for start in range(0, len(items), 500):
        given = [{"experiment": "checkout"} | item for item in items[start : start + 500]]
        answer = (await graph(asked, input=given))[mutation]
        assert answer == {"results": [{"errors": []}] * len(given), "errors": []}


async def fill(
    graph: Graph, arms: Arms, weights: Mapping[str, float] = BOTH
) -> dict[str, list[str]]:
    """Each arm with those that converted, of all its users, who come to it by their buckets."""
    users, low = {}, 0.0
    for name, (_, count) in arms.items():
        users[name] = list(islice(users_between(low, low + weights[name]), count))
        low += weights[name]
    await send(graph, "assignBatch", [{"userId": one} for each in users.values() for one in each])
    converted = [one for name, (count, _) in arms.items() for one in users[name][:count]]
    await send(graph, "convertBatch", [{"userId": one, "value": 2.5} for one in converted])
    return users


async def report(graph: Graph, event_type: str, values: Mapping[str, list[float]]) -> None:
    events = [{"userId": user, "value": value} for user, each in values.items() for value in each]
    await send(graph, "trackBatch", [{"eventType": event_type} | event for event in events])


def metric(name: str, aggregation: str, role: str = "SECONDARY", **fields: Any) -> Shown:
    return {"name": name, "eventType": name, "aggregation": aggregation, "role": role} | fields


def of(shown: Shown, name: str, place: int = 0) -> Shown:
    found: Shown = next(
        each for each in shown["metrics"][place]["variants"] if each["variant"]["name"] == name
    )
    return found


async def test_conversions_are_counted_and_compared(graph: Graph) -> None:
    await running(graph)
    await fill(graph, {"a": (40, 200), "b": (60, 200)})

    shown = await results(graph)

    expected = conversions((40, 200), (60, 200))
    interval = wilson_interval(40, 200, 0.05)
    assert interval is not None
    a = of(shown, "a")
    assert (shown["totalAssignments"], shown["totalConversions"]) == (400, 100)
    assert (shown["conversionRate"], shown["progress"]) == (0.25, 0.2)
    assert (a["users"], a["conversions"], a["total"], a["mean"]) == (200, 40, 40.0, 0.2)
    assert a["standardDeviation"] == 0.4
    assert a["interval"] == {"lower": interval.lower, "upper": interval.upper, "level": 0.95}
    assert a["probabilityBest"] == expected.metrics[0].variants[0].probability_best
    compared = shown["metrics"][0]["comparisons"][0]
    assert (compared["variant"]["name"], compared["control"]["name"]) == ("b", "a")
    assert compared["absolute"]["estimate"] == 0.3 - 0.2
    assert compared["relative"]["estimate"] == 0.3 / 0.2 - 1
    anytime = first_comparison(expected).relative.anytime
    assert anytime is not None
    assert compared["relative"]["anytime"]["pValue"] == anytime.p_value
    assert compared["relative"]["notes"] == ["PLANNED_SAMPLE_NOT_REACHED"]


async def test_the_split_is_checked_as_pearson_would(graph: Graph) -> None:
    await running(graph)
    await fill(graph, {"a": (0, 120), "b": (0, 80)})

    ratio = (await results(graph))["sampleRatio"]

    assert (ratio["state"], ratio["expected"], ratio["observed"]) == ("OK", [100, 100], [120, 80])
    assert ratio["pValue"] == pytest.approx(math.erfc(2.0), rel=1e-9)  # of a chi-square of 8
    assert ratio["anytimePValue"] > ratio["pValue"]


async def test_every_kind_of_metric_is_measured_by_user(graph: Graph) -> None:
    capped = metric("revenue", "SUM", capLow=-1, capHigh=10)
    kinds = [metric("clicks", "BINARY", "PRIMARY"), capped]
    kinds += [metric("visits", "COUNT"), metric("rating", "MEAN")]
    await running(graph, metrics=kinds)
    users = await fill(graph, {"a": (0, 4), "b": (0, 2)})
    ada, bob, cy, _ = users["a"]

    await report(graph, "clicks", {ada: [1], bob: [0, 0]})
    await report(graph, "revenue", {ada: [4, 99], bob: [-5], cy: [3]})
    await report(graph, "visits", {ada: [7, 7, 7], bob: [0]})
    await report(graph, "rating", {ada: [5, 4], bob: [2]})

    shown = await results(graph)
    arms = [of(shown, "a", place) for place in range(4)]
    told = [(one["users"], one["conversions"], one["total"], one["mean"]) for one in arms]
    assert [each["metric"]["name"] for each in shown["metrics"]] == [one["name"] for one in kinds]
    assert told == [(4, 2, 2, 0.5), (4, 3, 12, 3.0), (4, 2, 4, 1.0), (4, 2, 11, 11 / 3)]
    assert [one["standardDeviation"] for one in arms[:3]] == pytest.approx(
        [0.5, math.sqrt(74 / 3), math.sqrt(2)]
    )
    half = 3.182446305284263 * math.sqrt(2) / 2  # Student's, with 3 degrees of freedom
    visits = arms[2]["interval"]
    assert (visits["lower"], visits["upper"]) == pytest.approx((1 - half, 1 + half))
    assert of(shown, "b", 3)["mean"] is None
    assert [of(shown, "b", place)["total"] for place in range(4)] == [0, 0, 0, 0]


async def test_a_draft_has_results_without_numbers(graph: Graph) -> None:
    await draft(graph)

    shown = await results(graph)

    assert (shown["totalAssignments"], shown["conversionRate"], shown["progress"]) == (0, 0, 0)
    assert (shown["revision"], shown["decision"]["kind"]) == (1, "KEEP_RUNNING")
    assert shown["sampleRatio"]["state"] == "NOT_ENOUGH_DATA"
    assert (of(shown, "a")["mean"], of(shown, "a")["interval"]) == (None, None)
    compared = shown["metrics"][0]["comparisons"][0]
    assert compared["relative"]["estimate"] is None
    assert compared["relative"]["notes"] == ["NO_USERS", "PLANNED_SAMPLE_NOT_REACHED"]


@pytest.mark.parametrize(
    ("arms", "mean", "note"),
    [
        ({"a": (0, 1), "b": (0, 0)}, 0, "NO_USERS"),
        ({"a": (0, 150), "b": (0, 150)}, 0, "TOO_FEW_OBSERVATIONS"),
        ({"a": (150, 150), "b": (150, 150)}, 1, "TOO_FEW_OBSERVATIONS"),
    ],
    ids=["one user", "nobody converted", "everybody did"],
)
async def test_what_cannot_be_told_is_null_and_says_why(
    graph: Graph, arms: Arms, mean: float, note: str
) -> None:
    await running(graph)
    await fill(graph, arms)

    shown = await results(graph)

    assert of(shown, "a")["mean"] == mean
    assert 0 <= of(shown, "a")["interval"]["lower"] < of(shown, "a")["interval"]["upper"] <= 1
    compared = shown["metrics"][0]["comparisons"][0]["relative"]
    assert (compared["anytime"], compared["fixed"], compared["credible"]) == (None, None, None)
    assert compared["notes"] == [note, "PLANNED_SAMPLE_NOT_REACHED"]
    assert shown["decision"]["kind"] == "KEEP_RUNNING"


async def test_values_at_the_edge_of_a_float_leave_every_number_finite(graph: Graph) -> None:
    kinds = [metric("revenue", "SUM", "PRIMARY", scale="ABSOLUTE"), metric("ratio", "MEAN")]
    await running(graph, metrics=kinds)
    users = await fill(graph, {"a": (0, 3), "b": (0, 3)})
    for name, value in (("a", 1e15), ("b", -1e15)):
        await report(graph, "revenue", {one: [value] for one in users[name]})
        await report(graph, "ratio", {one: [value, 1e-12] for one in users[name]})

    shown = await results(graph)

    assert of(shown, "a")["mean"] == 1e15
    assert all(map(math.isfinite, numbers(shown)))


async def test_the_users_of_a_retired_variant_count_but_it_is_compared_no_more(
    graph: Graph,
) -> None:
    weights = {"a": 0.5, "b": 0.25, "c": 0.25}
    made = await running(graph, weights)
    await fill(graph, {"a": (3, 10), "b": (2, 5), "c": (1, 5)}, weights)

    await changed(graph, "variantDeactivate", id=arm(made, "c")["id"])

    shown = await results(graph)
    assert (shown["totalAssignments"], shown["totalConversions"]) == (20, 6)
    assert shown["sampleRatio"]["observed"] == [10, 5, 5]
    assert shown["sampleRatio"]["expected"] == [10, 5, 5]
    assert [one["variant"]["name"] for one in shown["metrics"][0]["variants"]] == ["a", "b"]
    assert [one["variant"]["name"] for one in shown["decision"]["arms"]] == ["b"]


async def test_where_one_variant_is_left_there_is_nothing_to_compare(graph: Graph) -> None:
    made = await draft(graph, {"a": 1.0, "b": 0.0})
    await changed(graph, "variantDeactivate", id=arm(made, "b")["id"])

    shown = await results(graph)

    assert shown["metrics"][0]["comparisons"] == []
    assert shown["decision"] == {
        "kind": "KEEP_RUNNING",
        "variant": None,
        "reason": "There is nothing to compare: it takes a control and another active variant.",
        "arms": [],
    }


async def test_a_variant_without_weight_stands_by(graph: Graph) -> None:
    await running(graph, {"a": 1.0, "b": 0.0})
    await fill(graph, {"a": (30, 120)}, {"a": 1.0})

    shown = await results(graph)

    assert (shown["progress"], shown["sampleRatio"]["expected"]) == (0, [120, 0])
    assert of(shown, "b")["users"] == 0
    assert all(map(math.isfinite, numbers(shown)))


async def test_the_revision_grows_with_every_change_and_with_nothing_else(graph: Graph) -> None:
    made = await running(graph)
    revisions = [(await results(graph))["revision"]]
    user = {"experiment": {"id": made["id"]}}
    steps: list[tuple[str, list[Shown]]] = [
        ("assignBatch", [{"userId": "ada"}]),
        ("convertBatch", [{"userId": "ada", "value": 1}]),
    ]
    for mutation, items in [*steps, *steps]:
        await send(graph, mutation, items)
        revisions.append((await results(graph))["revision"])
    await changed(graph, "experimentUpdate", **user, description="Another one")
    await changed(graph, "experimentPause", **user)

    grown = [(await results(graph))["revision"] for _ in range(2)]

    first, *seen = revisions
    assert [one - first for one in [*seen, *grown]] == [1, 2, 2, 2, 4, 4]


async def test_many_are_read_by_as_many_statements_as_one(app: Starlette, graph: Graph) -> None:
    many = "{ experiments(first: 20) { nodes { results { ...Found } } } }" + FOUND
    counts = []
    for more in (1, 19):
        await populate(app, experiments=more, assignments=1)
        async with counted(database_of(app), besides=AUTHENTICATION) as seen:
            nodes = (await graph(many))["experiments"]["nodes"]
        counts.append((len(nodes), len(seen)))

    assert counts == [(1, 7), (20, 7)]


async def test_another_projects_experiment_does_not_exist(app: Starlette, graph: Graph) -> None:
    elsewhere = await other_project(app)
    [theirs] = (await populate(app, project=elsewhere)).experiments

    for by in ({"id": id_of(theirs)}, {"name": theirs.name}):
        assert await graph(RESULTS, by=by) == {"experiment": None}
    found = await app.state.services.results.present(app.state.project.id, [theirs.id])
    assert found == {}
