"""How much a key, a user or an address may ask for over time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.applications import Starlette

from tests.graphql_api.bounded import Bounded, bounded
from tests.graphql_api.conftest import EMAIL, PASSWORD, TRACKER_KEY, Graph
from tests.graphql_api.posting import CREATE, NEW, OLD, codes, post
from tests.graphql_api.rows import database_of
from tests.persistence.statements import counted

TWO = "{ viewer { scopes } }"
NAMES = "{ __typename a: __typename }"
LOG_IN = f'{{ sessionCreate(input: {{ email: "{EMAIL}", password: "{PASSWORD}" }}) {{ token }} }}'
RATE = "{ rateLimit { limit remaining cost resetAt } }"
PAGES = "{ experiments(first: 100) { nodes { assignments(first: 100) { nodes { a%d: id } } } } }"
TIGHT = {"rate": 1, "rate_burst": 10, "anonymous_rate": 1, "anonymous_burst": 10}


@pytest.fixture
async def tight(app: Starlette, database_url: str) -> AsyncIterator[Bounded]:
    async with bounded(database_url, **TIGHT) as graph:
        yield graph


async def spend(graph: Graph, query: str = TWO) -> httpx.Response:
    """Until there is nothing left: the refusal."""
    while (response := await graph.send(query)).status_code == 200:
        assert "errors" not in response.json()
    return response


@pytest.mark.parametrize("media_type", [OLD, NEW])
async def test_beyond_its_rate_a_key_is_told_when_to_come_again(
    tight: Bounded, media_type: str
) -> None:
    await spend(tight)

    response = await post(tight, {"query": CREATE}, Accept=media_type)

    assert (response.status_code, codes(response)) == (429, ["RATE_LIMITED"])
    assert response.json().get("data") is None
    assert 1 <= int(response.headers["Retry-After"]) <= 3
    assert response.json()["errors"][0]["message"].startswith("this operation costs 3, and ")


async def test_what_is_refused_is_not_executed(graph: Graph, tight: Bounded) -> None:
    await spend(tight)

    async with counted(database_of(tight.app)) as statements:
        refused = await tight.send(CREATE)

    assert refused.status_code == 429
    assert statements == []
    assert await graph("{ experiments { totalCount } }") == {"experiments": {"totalCount": 0}}


async def test_who_waits_as_long_as_is_said_is_served(tight: Bounded) -> None:
    refused = await spend(tight)

    await asyncio.sleep(int(refused.headers["Retry-After"]) + 0.1)

    assert (await tight.send(TWO)).status_code == 200


async def test_what_one_key_has_spent_another_still_has(tight: Bounded) -> None:
    await spend(tight)

    served = await tight.showing(TRACKER_KEY).send(NAMES)

    assert served.status_code == 200


async def test_who_shows_nothing_is_counted_by_address(tight: Bounded) -> None:
    refused = await spend(tight.at("203.0.113.1"), NAMES)
    served = await tight.at("203.0.113.2").send(NAMES)
    with_a_key = await tight.at("203.0.113.1", tight.token).send(NAMES)

    assert (refused.status_code, codes(refused)) == (429, ["RATE_LIMITED"])
    assert (served.status_code, with_a_key.status_code) == (200, 200)


async def test_the_sessions_of_a_user_share_what_the_user_has(tight: Bounded) -> None:
    first, second = [
        (await tight.at(f"203.0.113.{place}")(f"mutation {LOG_IN}"))["sessionCreate"]["token"]
        for place in range(2)
    ]
    await spend(tight.showing(first))

    refused = await tight.showing(second).send(TWO)

    assert first != second
    assert (refused.status_code, codes(refused)) == (429, ["RATE_LIMITED"])


async def test_who_has_spent_all_is_told_what_is_wrong_as_before(tight: Bounded) -> None:
    await spend(tight)

    wrong = await tight.send("{ nothing }")

    assert (wrong.status_code, codes(wrong)) == (200, ["GRAPHQL_VALIDATION_FAILED"])


@pytest.mark.parametrize(
    "text",
    [
        "{ nothing%d }",
        "{ #%d",
        PAGES,
    ],
    ids=["wrong", "malformed", "too dear"],
)
async def test_a_flood_of_refused_documents_is_turned_away(tight: Bounded, text: str) -> None:
    heard = [await tight.send(text % number) for number in range(20)]

    last = heard[-1]
    assert codes(heard[0]) != ["RATE_LIMITED"]
    assert (last.status_code, codes(last)) == (429, ["RATE_LIMITED"])
    assert 1 <= int(last.headers["Retry-After"]) <= 25
    assert last.json()["errors"][0]["message"].startswith("what was refused has cost")


async def test_a_large_document_costs_more_to_refuse_than_a_small_one_and_never_all(
    tight: Bounded,
) -> None:
    waits = []
    for place, text in enumerate(("nothing", "nothing " * 100, "a" * 100_000)):
        graph = tight.at(f"203.0.113.{place}")
        await graph.send(f"{{{text}}}")
        refused = await graph.send(NAMES)
        waits.append(int(refused.headers.get("Retry-After", 0)))

    assert waits[0] == 0
    assert waits[1:] == pytest.approx([201 - 10, 2001 - 10], abs=5)


async def test_who_is_turned_away_costs_no_statement_and_harms_nobody_else(tight: Bounded) -> None:
    await tight.at("203.0.113.1").send("{ " + "nothing " * 100 + "}")

    async with counted(database_of(tight.app)) as statements:
        refused = await tight.at("203.0.113.1").send(NAMES)
        served = await tight.at("203.0.113.2").send(NAMES)

    assert (refused.status_code, served.status_code) == (429, 200)
    assert statements == []


async def test_who_accepts_only_streams_is_turned_away_by_the_status(tight: Bounded) -> None:
    await tight.send("{ " + "nothing " * 100 + "}")

    refused = await post(tight, {"query": NAMES}, Accept="text/event-stream")

    assert (refused.status_code, codes(refused)) == (429, ["RATE_LIMITED"])
    assert refused.headers["Content-Type"].startswith("application/graphql-response+json")


async def test_the_graph_tells_what_is_left(tight: Bounded) -> None:
    await tight.send(TWO)

    before = datetime.now(UTC)
    told = (await tight(RATE))["rateLimit"]

    assert (told["limit"], told["cost"]) == (10, 5)
    assert told["remaining"] == 3
    until = datetime.fromisoformat(told["resetAt"]) - before
    assert timedelta(seconds=5) < until < timedelta(seconds=8)


async def test_an_address_is_told_too(tight: Bounded) -> None:
    told = await tight.at("203.0.113.1")("{ rateLimit { limit remaining cost } }")

    assert told == {"rateLimit": {"limit": 10, "remaining": 6, "cost": 4}}


async def test_the_rates_are_settings(app: Starlette, database_url: str) -> None:
    asked = "{ rateLimit { limit } }"
    async with bounded(database_url, rate_burst=7, anonymous_burst=5) as graph:
        of_the_key = await graph(asked)
        of_the_address = await graph.showing(None)(asked)

    assert of_the_key == {"rateLimit": {"limit": 7}}
    assert of_the_address == {"rateLimit": {"limit": 5}}


async def test_what_could_not_be_run_is_paid_for_too(tight: Bounded) -> None:
    for name in ("nobody", "knows"):
        refused = await post(tight, {"query": "{ __typename }", "operationName": name})
        assert refused.status_code == 400

    spent = (await tight("{ rateLimit { remaining } }"))["rateLimit"]["remaining"]
    assert spent < 10 - 2 - 1
