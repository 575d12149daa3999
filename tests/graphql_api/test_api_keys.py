"""Keys: shown once, felt at once when they are revoked, and used from their origins only."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from domain.ids import NIL
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.people_tables import api_keys
from tests.graphql_api.conftest import SERVER_KEY, TRACKER_KEY, Graph
from tests.graphql_api.people import change, changed, is_known, key, refusals

KEYS = "{ viewer { project { apiKeys { name prefix } } } }"
PAGE = "https://shop.example"
ACTIVE = "{ activeExperiments { name } }"


async def test_a_key_is_shown_once(graph: Graph) -> None:
    payload = await changed(graph, "apiKeyCreate", name="shop", scopes=["READ"])

    token, known = payload["key"], payload["apiKey"]
    assert (token[:4], len(token), known["prefix"]) == ("abk_", 47, token[:12])
    assert (known["name"], known["scopes"], known["allowedOrigins"]) == ("shop", ["READ"], [])
    assert (known["lastUsedAt"], known["expiresAt"], known["revokedAt"]) == (None, None, None)
    listed = await graph.send(KEYS)
    assert token[:12] in listed.text
    assert token not in listed.text


async def test_keys_are_listed_the_latest_first(graph: Graph) -> None:
    for name in ("b", "a"):
        await changed(graph, "apiKeyCreate", name=name, scopes=["READ"])

    found = (await graph(KEYS))["viewer"]["project"]["apiKeys"]

    assert [one["name"] for one in found][:2] == ["a", "b"]


@pytest.mark.parametrize("scope", ["TRACK", "READ", "WRITE", "ADMIN"])
async def test_a_key_has_the_scopes_that_it_was_given(graph: Graph, scope: str) -> None:
    client, known = await key(graph, scope)

    assert known["scopes"] == [scope]
    queries = (ACTIVE, "{ viewer { scopes } }", KEYS)
    statuses = [(await client.send(query)).status_code for query in queries]
    assert statuses == [200, 403 if scope == "TRACK" else 200, 200 if scope == "ADMIN" else 403]


@pytest.mark.parametrize(
    ("input", "fault"),
    [
        ({"name": " "}, ("input.name", "must not be empty")),
        ({"scopes": []}, ("input.scopes", "must not be empty")),
        (
            {"allowedOrigins": [PAGE, f"{PAGE}/pay"]},
            ("input.allowedOrigins.1", "must look like https://shop.example, or be *"),
        ),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, ("input.expiresAt", "lies in the past")),
    ],
    ids=["name", "scopes", "origin", "past"],
)
async def test_a_key_that_cannot_be_made(
    graph: Graph, input: dict[str, Any], fault: tuple[str, str]
) -> None:
    before = await graph(KEYS)

    found = await refusals(graph, "apiKeyCreate", **{"name": "x", "scopes": ["READ"]} | input)

    assert found == [("INVALID", *fault)]
    assert await graph(KEYS) == before


async def test_a_key_ends_by_itself(graph: Graph, database: Database) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    client, known = await key(graph, "READ", expiresAt=soon)
    assert datetime.fromisoformat(known["expiresAt"]) == datetime.fromisoformat(soon)
    assert await is_known(client)

    over = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
    async with database.begin() as connection:
        await connection.execute(update(api_keys).where(api_keys.c.name == "shop").values(over))
    await key(graph, "READ")  # what is remembered is forgotten

    assert not await is_known(client)


async def test_a_revoked_key_is_refused_at_once(graph: Graph) -> None:
    client, known = await key(graph, "READ")
    assert await is_known(client)

    revoked = (await changed(graph, "apiKeyRevoke", id=known["id"]))["apiKey"]

    assert not await is_known(client)
    age = datetime.now(UTC) - datetime.fromisoformat(revoked["revokedAt"])
    assert timedelta(0) <= age < timedelta(seconds=5)
    again = (await changed(graph, "apiKeyRevoke", id=known["id"]))["apiKey"]
    assert again["revokedAt"] == revoked["revokedAt"]


async def test_a_key_may_revoke_itself(graph: Graph) -> None:
    client, known = await key(graph, "ADMIN")

    await changed(client, "apiKeyRevoke", id=known["id"])

    assert not await is_known(client)


@pytest.mark.parametrize(
    ("id", "refusal"),
    [
        (global_id("ApiKey", NIL), ("NOT_FOUND", "input.id", "there is no such key")),
        (global_id("User", NIL), ("INVALID", "input.id", "is of the type User, not ApiKey")),
        ("abk_", ("INVALID", "input.id", "is not an id of this server")),
    ],
    ids=["unknown", "user", "no id"],
)
async def test_a_key_that_is_not_there_cannot_be_revoked(
    graph: Graph, id: str, refusal: tuple[str, str, str]
) -> None:
    assert await refusals(graph, "apiKeyRevoke", id=id) == [refusal]


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Basic YTpi", SERVER_KEY, f"Bearer {SERVER_KEY}x", "Bearer abk_"],
    ids=["empty", "scheme", "space", "basic", "bare", "longer", "prefix"],
)
async def test_what_is_shown_has_to_be_right(graph: Graph, authorization: str) -> None:
    response = await graph.showing(None).http.post(
        "/graphql", json={"query": "{ __typename }"}, headers={"Authorization": authorization}
    )

    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    [error] = response.json()["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_scheme_is_written_in_any_way(graph: Graph, scheme: str) -> None:
    response = await graph.showing(None).http.post(
        "/graphql",
        json={"query": "{ viewer { scopes } }"},
        headers={"Authorization": f"{scheme} {SERVER_KEY}"},
    )

    assert response.status_code == 200


async def test_a_key_is_used_from_its_origins_only(graph: Graph) -> None:
    client, _ = await key(graph, "TRACK", allowedOrigins=["HTTPS://Shop.Example:443"])

    async def status(origin: str) -> int:
        headers = {"Origin": origin}
        body = {"query": ACTIVE}
        return (await client.http.post("/graphql", json=body, headers=headers)).status_code

    assert await status(PAGE) == 200
    assert [await status(f"{PAGE}{end}") for end in (":8443", ".evil", "")] == [403, 403, 200]
    assert await status("null") == 403


async def test_the_origins_of_a_new_key_are_known_at_once_and_of_a_revoked_one_no_more(
    graph: Graph,
) -> None:
    await _revoke(graph, "tracker")  # allowed everywhere
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    http = graph.showing(None).http

    before = await http.options("/graphql", headers=asked)
    _, known = await key(graph, "TRACK", allowedOrigins=[PAGE])
    during = await http.options("/graphql", headers=asked)
    await changed(graph, "apiKeyRevoke", id=known["id"])
    after = await http.options("/graphql", headers=asked)

    assert [one.status_code for one in (before, during, after)] == [403, 204, 403]
    assert during.headers["access-control-allow-origin"] == PAGE


async def test_the_last_use_is_written_beside_the_request(graph: Graph, database: Database) -> None:
    tracker = graph.showing(TRACKER_KEY)
    await asyncio.gather(*(tracker(ACTIVE) for _ in range(10)))

    first = await _last_use(database)
    await key(graph, "READ")  # what is remembered is forgotten
    await tracker(ACTIVE)
    await asyncio.sleep(0.05)

    assert timedelta(0) <= datetime.now(UTC) - first < timedelta(seconds=5)
    assert await _last_use(database) == first


async def _last_use(database: Database) -> datetime:
    async with asyncio.timeout(5):
        while True:
            rows = await database.rows(
                select(api_keys.c.last_used_at).where(api_keys.c.name == "tracker")
            )
            if rows[0][0] is not None:
                found: datetime = rows[0][0]
                return found
            await asyncio.sleep(0.005)


async def _revoke(graph: Graph, name: str) -> None:
    query = "{ viewer { project { apiKeys { id name } } } }"
    for known in (await graph(query))["viewer"]["project"]["apiKeys"]:
        if known["name"] == name:
            assert (await change(graph, "apiKeyRevoke", id=known["id"]))["errors"] == []
