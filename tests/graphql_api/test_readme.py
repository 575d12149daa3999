"""What the README shows can be run as it is printed, from top to bottom."""

import re
import shlex
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.graphql_api.conftest import Graph

README = (Path(__file__).parents[2] / "README.md").read_text()
SNIPPETS = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^curl .*?[^\\]$", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
async def answers(graph: Graph) -> list[dict[str, Any]]:
    return [await graph(snippet) for snippet in SNIPPETS]


def test_there_is_something_to_run() -> None:
    assert [snippet.split()[0] for snippet in SNIPPETS] == [
        "mutation",
        "mutation",
        "{",
        "mutation",
    ]
    assert len(COMMANDS) == 1


async def test_the_first_mutation_designs_an_experiment(answers: list[dict[str, Any]]) -> None:
    created = answers[0]["experimentCreate"]

    assert created["errors"] == []
    assert created["experiment"]["status"] == "DRAFT"
    assert created["experiment"]["variants"] == [
        {"name": "control", "trafficWeight": 0.5},
        {"name": "clear", "trafficWeight": 0.5},
    ]


async def test_the_second_mutation_starts_it(answers: list[dict[str, Any]]) -> None:
    started = answers[1]["experimentStart"]

    assert started["errors"] == []
    assert started["experiment"]["status"] == "ACTIVE"
    assert started["experiment"]["startedAt"] is not None
    assert started["experiment"]["allowedTransitions"] == ["PAUSED", "COMPLETED", "ARCHIVED"]


async def test_the_first_query_shows_it(answers: list[dict[str, Any]]) -> None:
    shown = answers[2]["experiments"]

    assert shown["totalCount"] == 1
    [experiment] = shown["nodes"]
    assert experiment["name"] == "checkout-cta"
    assert [variant["content"]["text"] for variant in experiment["variants"]] == [
        "Continue",
        "Go to payment",
    ]
    assert experiment["variants"][0]["assignments"] == {"totalCount": 0, "nodes": []}


async def test_the_command_for_a_shell_is_a_request(
    graph: Graph, answers: list[dict[str, Any]]
) -> None:
    arguments = shlex.split(COMMANDS[0].replace("\\\n", " "))
    given = dict(
        arguments[place + 1].split(": ") for place, word in enumerate(arguments) if word == "-H"
    )
    header = given | {"Authorization": graph.http.headers["Authorization"]}
    body = arguments[arguments.index("-d") + 1]

    response = await graph.http.post("/graphql", content=body, headers=header)

    assert given["Authorization"] == "Bearer $SERVER_KEY"
    assert arguments[2] == "http://127.0.0.1:8000/graphql"
    assert orjson.loads(response.content)["data"]["experiments"]["nodes"] == [
        {
            "name": "checkout-cta",
            "status": "ACTIVE",
            "variants": [
                {"name": "control", "trafficWeight": 0.5},
                {"name": "clear", "trafficWeight": 0.5},
            ],
        }
    ]
    assert len(answers) == len(SNIPPETS)
