"""Pages of other origins: which may ask, and which may read the answer."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import update
from starlette.applications import Starlette

from domain.access import Role, Scope
from domain.authentication import Authentication
from domain.keys import ANY_ORIGIN
from domain.projects import Project
from graphql_api.types.view import global_id
from persistence.credentials import Credentials
from persistence.engine import Database
from persistence.keys import Keys
from persistence.people_tables import api_keys
from tests.factories import NOON
from tests.graphql_api.conftest import EMAIL, PASSWORD, TRACKER_KEY, Graph
from tests.graphql_api.neighbours import key_of, put_user, session_of

SHOP = "https://shop.example"
ACTIVE = "{ activeExperiments { name } }"
LOG_IN = (
    f'mutation {{ sessionCreate(input: {{ email: "{EMAIL}", password: "{PASSWORD}" }}) '
    "{ errors { code } } }"
)
FOREIGN = [
    "https://evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://www.shop.example",
    "https://shop.example.evil.example",
    "https://shop.example/",
    "https://",
    "null",
    "*",
    "",
    "http://[",
]


@pytest.fixture
async def shop_key(app: Starlette, database: Database, project: Project) -> str:
    """For the pages of the shop; no other key allows an origin."""
    await revoke(database)
    return await key_of(database, project.id, Scope.TRACK, allowed_origins=[SHOP])


async def revoke(database: Database) -> None:
    """All keys, as another process would."""
    async with database.begin() as connection:
        await connection.execute(update(api_keys).values(revoked_at=NOON))


async def ask(
    graph: Graph, token: str | None, origin: str | None, query: str = ACTIVE
) -> httpx.Response:
    headers = {} if origin is None else {"Origin": origin}
    http = graph.showing(token).http
    return await http.post("/graphql", json={"query": query}, headers=headers)


async def preflight(graph: Graph, origin: str) -> httpx.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return await graph.showing(None).http.options("/graphql", headers=headers)


def shared_with(response: httpx.Response) -> str | None:
    found: str | None = response.headers.get("access-control-allow-origin")
    return found


def check_refused(response: httpx.Response) -> None:
    """And the page that asked cannot read even that."""
    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (403, "FORBIDDEN")
    assert "data" not in response.json()
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.headers["vary"] == "Origin"


async def test_a_page_may_ask_and_read_where_the_key_allows_its_origin(
    graph: Graph, shop_key: str
) -> None:
    response = await ask(graph, shop_key, SHOP)

    assert (response.status_code, response.json()) == (200, {"data": {"activeExperiments": []}})
    assert shared_with(response) == SHOP
    assert response.headers["access-control-expose-headers"] == "x-request-id, retry-after"
    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in response.headers


async def test_the_page_reads_what_was_wrong_with_its_question_too(
    graph: Graph, shop_key: str
) -> None:
    responses = [
        await ask(graph, shop_key, SHOP, "{"),
        await ask(graph, shop_key, SHOP, "{ experimentCounts { count } }"),
    ]

    codes = [response.json()["errors"][0]["extensions"]["code"] for response in responses]
    assert codes == ["GRAPHQL_PARSE_FAILED", "FORBIDDEN"]
    assert [shared_with(response) for response in responses] == [SHOP, SHOP]


@pytest.mark.parametrize("origin", FOREIGN)
async def test_any_other_origin_is_refused(graph: Graph, shop_key: str, origin: str) -> None:
    check_refused(await ask(graph, shop_key, origin))


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_browser_is_told_so_beforehand(graph: Graph, shop_key: str, origin: str) -> None:
    response = await preflight(graph, origin)

    assert (response.status_code, response.content) == (403, b"")
    assert not [name for name in response.headers if name.startswith("access-control-")]
    assert response.headers["vary"] == "Origin"


async def test_a_browser_is_told_what_it_may_send(graph: Graph, shop_key: str) -> None:
    response = await preflight(graph, SHOP)

    told = {
        name.removeprefix("access-control-"): value
        for name, value in response.headers.items()
        if name.startswith("access-control-")
    }
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["vary"] == "Origin"
    assert told == {
        "allow-origin": SHOP,
        "allow-methods": "GET, POST",
        "allow-headers": "authorization, content-type, accept, x-request-id, x-graphql-cost",
        "max-age": "600",
        "expose-headers": "x-request-id, retry-after",
    }


async def test_a_key_for_all_origins_names_the_one_that_asks(graph: Graph) -> None:
    answers = [await preflight(graph, SHOP), await ask(graph, TRACKER_KEY, SHOP)]

    assert [answer.status_code for answer in answers] == [204, 200]
    assert [shared_with(answer) for answer in answers] == [SHOP, SHOP]


async def test_a_page_without_an_origin_needs_a_key_for_all(graph: Graph, shop_key: str) -> None:
    assert (await preflight(graph, "null")).status_code == 403


async def test_a_file_on_a_disk_may_use_a_key_for_all_origins(graph: Graph) -> None:
    response = await ask(graph, TRACKER_KEY, "null")

    assert (response.status_code, shared_with(response)) == (200, "null")


async def test_capitals_in_an_origin_do_not_count(graph: Graph, shop_key: str) -> None:
    assert (await ask(graph, shop_key, "HTTPS://Shop.Example")).status_code == 200
    assert (await ask(graph, shop_key, "http://ABGRAPH")).status_code == 200


async def test_a_port_belongs_to_the_origin(
    graph: Graph, database: Database, project: Project
) -> None:
    key = await key_of(database, project.id, Scope.TRACK, allowed_origins=[f"{SHOP}:8443"])

    assert (await ask(graph, key, f"{SHOP}:8443")).status_code == 200
    check_refused(await ask(graph, key, SHOP))


async def test_our_own_pages_and_programs_need_no_origin(graph: Graph, shop_key: str) -> None:
    for origin in ("http://abgraph", None):
        response = await ask(graph, shop_key, origin)

        assert (response.status_code, shared_with(response)) == (200, None)
        assert response.headers["vary"] == "Origin"


async def test_the_port_makes_our_own_name_a_foreign_origin(graph: Graph, shop_key: str) -> None:
    check_refused(await ask(graph, shop_key, "http://abgraph:8001"))


async def test_a_key_without_origins_is_for_programs(
    graph: Graph, database: Database, project: Project
) -> None:
    key = await key_of(database, project.id, Scope.ADMIN)

    assert (await ask(graph, key, None)).status_code == 200
    check_refused(await ask(graph, key, SHOP))


async def test_a_session_is_for_our_own_pages(
    graph: Graph, database: Database, project: Project
) -> None:
    owner = await put_user(database, project.id, Role.OWNER)
    token = await session_of(database, project.id, owner)

    assert (await ask(graph, token, "http://abgraph")).status_code == 200
    check_refused(await ask(graph, token, SHOP))


async def test_nobody_logs_in_on_a_page_of_another_origin(graph: Graph) -> None:
    check_refused(await ask(graph, None, SHOP, LOG_IN))

    assert (await ask(graph, None, "http://abgraph", LOG_IN)).status_code == 200


async def test_a_bad_key_is_no_reason_to_answer_a_page(graph: Graph, shop_key: str) -> None:
    response = await ask(graph, f"{shop_key}x", SHOP)

    assert (response.status_code, shared_with(response)) == (401, None)
    assert response.headers["vary"] == "Origin"


async def test_a_question_in_an_address_is_refused_as_well(graph: Graph, shop_key: str) -> None:
    http, headers = graph.showing(shop_key).http, {"Origin": "https://evil.example"}

    check_refused(await http.get("/graphql", params={"query": ACTIVE}, headers=headers))


async def test_a_key_that_is_revoked_here_allows_no_origin_at_once(
    graph: Graph, database: Database, project: Project
) -> None:
    key = await key_of(database, project.id, Scope.ADMIN, allowed_origins=[SHOP])
    await revoke_here(graph, database, project, ANY_ORIGIN)
    assert (await preflight(graph, SHOP)).status_code == 204

    await revoke_here(graph, database, project, SHOP)

    assert (await preflight(graph, SHOP)).status_code == 403
    assert (await ask(graph, key, SHOP)).status_code == 401


async def revoke_here(graph: Graph, database: Database, project: Project, origin: str) -> None:
    keys = await Keys(database).of_project(project.id)
    (meant,) = [global_id("ApiKey", key.id) for key in keys if key.allowed_origins == [origin]]
    document = "mutation ($id: ID!) { apiKeyRevoke(input: { id: $id }) { errors { code } } }"
    assert await graph(document, id=meant) == {"apiKeyRevoke": {"errors": []}}


async def test_a_key_that_is_revoked_elsewhere_allows_no_origin_after_five_seconds(
    database: Database, shop_key: str
) -> None:
    seconds = [100.0]
    known = Authentication(Credentials(database), lambda: datetime.now(UTC), lambda: seconds[0])
    assert await known.is_allowed_origin(SHOP)

    await revoke(database)

    seconds[0] = 104.9
    assert await known.is_allowed_origin(SHOP)
    seconds[0] = 105.0
    assert not await known.is_allowed_origin(SHOP)


async def test_a_key_that_has_ended_allows_no_origin(database: Database, project: Project) -> None:
    await revoke(database)
    ends = {"allowed_origins": [SHOP], "expires_at": NOON}
    await key_of(database, project.id, Scope.TRACK, **ends)

    for now, allowed in ((NOON.replace(hour=11), {SHOP}), (NOON, set())):
        assert await Credentials(database).allowed_origins(now) == allowed
