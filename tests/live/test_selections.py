"""A subscription shows what a query shows, whatever is selected."""

from typing import Any

import pytest

from tests.graphql_api.neighbours import settle
from tests.live.conftest import Running

RICH = """
  __typename revision progress conversionRate totalAssignments totalConversions
  sampleRatio { kind: __typename ...Ratio }
  decision { kind reason arms { kind reason variant { name isControl } } }
  metrics {
    metric { name } variants { variant { name } users total mean }
    comparisons {
      variant { name } relative { estimate anytime { pValue interval { lower upper } } }
    }
  }
  mine: experiment { ...Name variants { name assignments(first: 3) { nodes { userId } } } }
"""
FRAGMENTS = """
fragment Name on Experiment { name status ...Version }
fragment Version on Experiment { version results { totalAssignments } }
fragment Ratio on SampleRatioCheck { pValue }
"""


async def _over_http(server: Running, selection: str, rest: str = "") -> dict[str, Any]:
    query = f'{{ experiment(by: {{name: "colour"}}) {{ results {{ {selection} }} }} }} {rest}'
    answer = await server.http.post("/graphql", json={"query": query})
    found: dict[str, Any] = answer.json()
    return found


def _subscription(selection: str, rest: str = "") -> str:
    root = f'experimentStats(experiment: {{name: "colour"}}) {{ {selection} }}'
    return f"subscription {{ {root} }} {rest}"


async def test_the_same_selection_shows_the_same(server: Running) -> None:
    await server.experiment()
    for user in range(10):
        await server.assign(f"user {user}")
    await server.convert("user 3")
    async with server.talking() as socket:
        await socket.subscribe(_subscription(RICH, FRAGMENTS))
        shown = await socket.value()
    asked = await _over_http(server, RICH, FRAGMENTS)

    assert shown == asked["data"]["experiment"]["results"]
    assert shown["mine"]["results"] == {"totalAssignments": 10}


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            "experiment { assignments(first: -1) { nodes { id } } }",
            "first is -1: it may be 0 to 100",
        ),
        (
            'totalAssignments experiment { name assignments(after: "x") { nodes { id } } }',
            "that cursor is malformed: use one that this list has returned",
        ),
    ],
)
async def test_errors_in_the_depth_come_with_the_value(
    server: Running, selection: str, message: str
) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(_subscription(selection))
        answer = await socket.hear()
    (asked,) = (await _over_http(server, selection))["errors"]

    assert answer["type"] == "next"
    assert answer["payload"]["data"] is None
    (error,) = answer["payload"]["errors"]
    assert error["message"] == asked["message"] == message
    assert error["extensions"]["code"] == asked["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["experimentStats", "experiment", "assignments"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"short": True, "long": False}, ["totalAssignments"]),
        ({"short": False, "long": True}, ["totalAssignments", "revision", "progress"]),
        ({"short": True, "long": True}, ["totalAssignments", "progress"]),
    ],
)
async def test_variables_decide_what_is_left_out(
    server: Running, variables: dict[str, Any], expected: list[str]
) -> None:
    await server.experiment()
    query = """subscription ($short: Boolean!, $long: Boolean!) {
      experimentStats(experiment: {name: "colour"}) {
        totalAssignments revision @skip(if: $short) ... @include(if: $long) { progress }
      }
    }"""
    async with server.talking() as socket:
        await socket.subscribe(query, **variables)
        shown = await socket.value()

    assert list(shown) == expected


async def test_the_root_may_be_called_something_else(server: Running) -> None:
    await server.experiment()
    query = """subscription {
      mine: experimentStats(experiment: {name: "colour"}) { people: totalAssignments }
    }"""
    async with server.talking() as socket:
        await socket.subscribe(query)

        payload = {"data": {"mine": {"people": 0}}}
        assert await socket.hear() == {"id": "1", "type": "next", "payload": payload}


@pytest.mark.parametrize("root", ["experimentStats", "experimentChanged"])
async def test_what_belongs_to_another_project_does_not_exist(server: Running, root: str) -> None:
    estate = await settle(server.database)
    foreign = estate.ids["Experiment"]
    async with server.talking() as socket:
        told = []
        for key in (f'id: "{foreign}"', 'name: "checkout"', 'name: "nowhere"'):
            await socket.subscribe(
                f"subscription {{ {root}(experiment: {{{key}}}) {{ __typename }} }}"
            )
            answer = await socket.hear()
            (error,) = answer["payload"]
            told.append((answer["type"], error["extensions"]["code"], error["message"]))

    assert told == [
        ("error", "BAD_USER_INPUT", f"experiment: there is no experiment {estate.experiment.id}"),
        ("error", "BAD_USER_INPUT", "experiment: there is no experiment checkout"),
        ("error", "BAD_USER_INPUT", "experiment: there is no experiment nowhere"),
    ]
