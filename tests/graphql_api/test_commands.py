"""What an operator does on the command line, beside a server that answers."""

import re
from datetime import UTC, datetime, timedelta

from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.models import METRICS
from tests.graphql_api.conftest import EMAIL, PASSWORD, Graph
from tests.graphql_api.serving import said
from tests.persistence.shops import open_shop, rows_of

LOG_IN = """mutation($email: String!, $password: String!) {
  sessionCreate(input: { email: $email, password: $password }) { token errors { code } }
}"""
SCOPES = "{ viewer { scopes apiKey { name allowedOrigins } } }"


class Operator:
    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, *arguments: str) -> str:
        status, output = await said(*arguments, DATABASE_URL=self._url)
        assert status == 0, output
        return output

    async def refused(self, *arguments: str, status: int = 1) -> str:
        ended, output = await said(*arguments, DATABASE_URL=self._url)
        assert ended == status
        return output


async def logged_in(graph: Graph, email: str, password: str) -> str | None:
    done = await graph.showing(None)(LOG_IN, email=email, password=password)
    token: str | None = done["sessionCreate"]["token"]
    return token


async def test_a_user_comes_gets_a_password_and_goes(graph: Graph, database_url: str) -> None:
    abgraph = Operator(database_url)

    made = await abgraph("user", "create", "Eve@Shop.example", "--role", "viewer")
    first = made.rpartition(" ")[2]
    assert await logged_in(graph, "eve@shop.example", first)
    await abgraph("user", "password", "eve@shop.example", "--password", "another long one")
    assert await logged_in(graph, "eve@shop.example", first) is None
    assert await logged_in(graph, "eve@shop.example", "another long one")
    await abgraph("user", "disable", "EVE@shop.example")

    assert await logged_in(graph, "eve@shop.example", "another long one") is None
    told = await abgraph("user", "list")
    assert re.search(r"^ada@shop.example  ada  active  OWNER of ", told, re.MULTILINE)
    assert re.search(r"^eve@shop.example  eve  disabled  VIEWER of ", told, re.MULTILINE)


async def test_a_known_user_joins_another_project_with_the_password_they_have(
    graph: Graph, database_url: str
) -> None:
    abgraph = Operator(database_url)
    await abgraph("project", "create", "Second team")

    made = await abgraph("user", "create", EMAIL, "--project", "Second team")

    assert made == f"{EMAIL} is EDITOR now"
    assert await logged_in(graph, EMAIL, PASSWORD)


async def test_a_new_password_ends_the_sessions(graph: Graph, database_url: str) -> None:
    token = await logged_in(graph, EMAIL, PASSWORD)

    await Operator(database_url)("user", "password", EMAIL, "--password", "another long one")

    [error] = await graph.showing(token).errors("{ viewer { scopes } }")
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_key_is_shown_once_works_and_is_revoked(graph: Graph, database_url: str) -> None:
    abgraph = Operator(database_url)

    made = await abgraph(
        "key", "create", "pages", "--scope", "read", "--origin", "https://shop.example"
    )
    secret = made.rpartition(" ")[2]
    shown = (await graph.showing(secret)(SCOPES))["viewer"]
    listed = await abgraph("key", "list")
    await abgraph("key", "revoke", secret[:12])

    assert shown == {
        "scopes": ["READ"],
        "apiKey": {"name": "pages", "allowedOrigins": ["https://shop.example"]},
    }
    assert secret not in listed
    assert f"{secret[:12]}…  pages  read  valid" in listed
    assert f"{secret[:12]}…  pages  read  revoked" in await abgraph("key", "list")


async def test_a_project_is_made_named_and_given_a_plan(graph: Graph, database_url: str) -> None:
    abgraph = Operator(database_url)

    await abgraph("project", "create", "Second team")
    await abgraph("project", "plan", "pro", "--project", "Second team")
    made = await abgraph("key", "create", "own", "--scope", "read", "--project", "Second team")

    assert re.search(r"  Second team  PRO$", await abgraph("project", "list"), re.MULTILINE)
    own = graph.showing(made.rpartition(" ")[2])
    assert await own("{ viewer { project { name experimentLimit } } }") == {
        "viewer": {"project": {"name": "Second team", "experimentLimit": 50}}
    }
    unsaid = await abgraph.refused("key", "list")
    assert unsaid == "Error: 2 projects fit: say which by its id, with --project"


async def test_what_was_done_stands_in_the_history(graph: Graph, database_url: str) -> None:
    await Operator(database_url)("key", "create", "pages", "--scope", "track")

    shown = await graph(
        "{ viewer { project { history(first: 1) { nodes { action actorKind subjectName } } } } }"
    )

    assert shown["viewer"]["project"]["history"]["nodes"] == [
        {"action": "apiKey.create", "actorKind": "OPERATOR", "subjectName": "pages"}
    ]


async def test_what_is_wrong_is_said_in_a_sentence(graph: Graph, database_url: str) -> None:
    refused = Operator(database_url).refused

    assert graph.token
    assert await refused("user", "create", "nobody") == "Error: email: is no e-mail address"
    assert await refused("user", "disable", "no@body.example") == (
        "Error: there is no user no@body.example"
    )
    assert await refused("key", "revoke", "abk_nothing") == (
        "Error: 0 keys begin with abk_nothing: one has to"
    )
    assert "must look like https://shop.example" in await refused(
        "key", "create", "a", "--scope", "track", "--origin", "shop"
    )


async def test_sums_are_verified_and_every_wrong_one_is_named(
    database: Database, database_url: str
) -> None:
    abgraph, shop = Operator(database_url), await open_shop(database, name="checkout")
    await Ingest(database, lambda _: None).enrol(shop.users(3))
    assert (await abgraph("verify")).endswith("every sum is what its rows make")

    async with database.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM ab_running_sums")
    told = await abgraph.refused("verify")

    wrong = [line for line in told.splitlines() if line.startswith("checkout: variant ")]
    kept = {line.partition(", phase 1: ")[2].partition(",")[0] for line in wrong}
    assert (len(wrong), kept) == (2, {"nothing is kept"})
    assert told.endswith("Error: running sums differ from the rows that they rest on")


async def test_old_events_are_dropped_and_young_ones_are_not_to_be(
    database: Database, database_url: str
) -> None:
    abgraph, shop = Operator(database_url), await open_shop(database)
    ingest = Ingest(database, lambda _: None)
    await ingest.enrol(shop.users(1))
    old, now = datetime(2026, 1, 31, tzinfo=UTC), datetime.now(UTC)
    times = [old - timedelta(seconds=1), old, now]
    await ingest.track([shop.report("user-0", happened_at=time) for time in times])

    refused = await abgraph.refused("prune", "--metrics-before", f"{now:%Y-%m-%d}", status=2)
    told = await abgraph("prune", "--metrics-before", "2026-01-31T01:00:00+0100")

    assert "must be a day ago at least" in refused
    assert told.endswith("dropped 1 events from before 2026-01-31 00:00Z")
    assert len(await rows_of(database, METRICS)) == 2
    assert (await abgraph("verify")).endswith("every sum is what its rows make")
