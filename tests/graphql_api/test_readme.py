"""What the README shows can be run as it is printed, from top to bottom."""

import re
import shlex
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.graphql_api.conftest import TRACKER_KEY, Graph

README = (Path(__file__).parents[2] / "README.md").read_text()
ALL = re.findall(r"```graphql\n(.*?)```", README, re.DOTALL)
SNIPPETS = [
    each for each in ALL if not each.startswith("subscription")
]  # the clients' tests have it
SHELL = re.findall(r"^curl .*?[^\\]$", README, re.DOTALL | re.MULTILINE)
COMMANDS = [each for each in SHELL if "text/event-stream" not in each]

READING, ASSIGNING = (0, 1) if "SERVER_KEY" in COMMANDS[0] else (1, 0)


@pytest.fixture
async def answers(graph: Graph) -> list[dict[str, Any]]:
    return [await graph(snippet) for snippet in SNIPPETS]


def test_there_is_something_to_run() -> None:
    assert [snippet.split()[0] for snippet in SNIPPETS] == [
        "mutation",
        "mutation",
        "{",
        "{",
        "mutation",
    ]
    assert len(COMMANDS) == 2


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
    listed, key = await _run(graph, COMMANDS[READING])

    assert key == "Bearer $SERVER_KEY"
    assert listed["experiments"]["nodes"] == [
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


async def test_the_command_for_a_bot_assigns(graph: Graph, answers: list[dict[str, Any]]) -> None:
    assigned, key = await _run(graph.showing(TRACKER_KEY), COMMANDS[ASSIGNING])

    assert key == "Bearer $TRACKER_KEY"
    assert assigned["assign"]["reason"] == "NEW"
    assert assigned["assign"]["variant"]["content"]["text"] in ("Continue", "Go to payment")
    assert assigned["assign"]["errors"] == []
    assert len(answers) == len(SNIPPETS)


async def _run(graph: Graph, command: str) -> tuple[dict[str, Any], str]:
    """What it answers, and which key it shows."""
    arguments = shlex.split(command.replace("\\\n", " "))
    given = dict(
        arguments[place + 1].split(": ") for place, word in enumerate(arguments) if word == "-H"
    )
    header = given | {"Authorization": graph.http.headers["Authorization"]}
    body = arguments[arguments.index("-d") + 1]
    response = await graph.http.post("/graphql", content=body, headers=header)
    assert arguments[2] == "http://127.0.0.1:8000/graphql"
    shown: dict[str, Any] = orjson.loads(response.content)["data"]
    return shown, given["Authorization"]
