"""Who may no more see what a stream shows is told so within ten seconds, and nobody else is."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Delete, Update, delete, update

from domain.access import Role, Scope
from domain.ids import ProjectId
from domain.people import User
from graphql_api.types.view import global_id
from persistence.engine import Database
from persistence.people_tables import api_keys, memberships, sessions, users
from persistence.projects import Projects
from tests.graphql_api.neighbours import key_of, put_user, session_of
from tests.live.conftest import STATS, Running, eventually

FORBIDDEN = (4403, "Forbidden: what you have shown is no more what it was")
WITHIN = 10.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Insider:
    user: User
    session: str
    key: str
    database: Database

    async def write(self, statement: Update | Delete) -> None:
        """As another process does, of which this one hears nothing."""
        async with self.database.begin() as connection:
            changed = await connection.execute(statement)
        assert changed.rowcount == 1


@pytest.fixture
async def project(server: Running) -> ProjectId:
    (project,) = await Projects(server.database).all()
    return project.id


@pytest.fixture
async def insider(server: Running, project: ProjectId) -> Insider:
    """An editor who is logged in, and has a key to an experiment."""
    await server.experiment()
    user = await put_user(server.database, project, Role.EDITOR)
    return Insider(
        user=user,
        session=await session_of(server.database, project, user),
        key=await key_of(server.database, project, Scope.READ),
        database=server.database,
    )


async def _key_revoked(insider: Insider) -> None:
    changes = {"revoked_at": datetime.now(UTC)}
    await insider.write(update(api_keys).where(api_keys.c.name == "of a test").values(changes))


async def _key_expired(insider: Insider) -> None:
    changes = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
    await insider.write(update(api_keys).where(api_keys.c.name == "of a test").values(changes))


async def _key_deleted(insider: Insider) -> None:
    await insider.write(delete(api_keys).where(api_keys.c.name == "of a test"))


async def _key_of_fewer_scopes(insider: Insider) -> None:
    changes = {"scopes": ["track"]}
    await insider.write(update(api_keys).where(api_keys.c.name == "of a test").values(changes))


async def _session_revoked(insider: Insider) -> None:
    changes = {"revoked_at": datetime.now(UTC)}
    await insider.write(
        update(sessions).where(sessions.c.user_id == insider.user.id).values(changes)
    )


async def _session_expired(insider: Insider) -> None:
    changes = {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}
    await insider.write(
        update(sessions).where(sessions.c.user_id == insider.user.id).values(changes)
    )


async def _role_changed(insider: Insider) -> None:
    own = memberships.c.user_id == insider.user.id
    await insider.write(update(memberships).where(own).values({"role": Role.VIEWER}))


async def _membership_removed(insider: Insider) -> None:
    await insider.write(delete(memberships).where(memberships.c.user_id == insider.user.id))


async def _user_disabled(insider: Insider) -> None:
    changes = {"disabled_at": datetime.now(UTC)}
    await insider.write(update(users).where(users.c.id == insider.user.id).values(changes))


LOSSES = [
    ("key", _key_revoked),
    ("key", _key_expired),
    ("key", _key_deleted),
    ("key", _key_of_fewer_scopes),
    ("session", _session_revoked),
    ("session", _session_expired),
    ("session", _role_changed),
    ("session", _membership_removed),
    ("session", _user_disabled),
]


@pytest.mark.parametrize(("shown", "lose"), LOSSES)
async def test_what_another_process_took_away_closes_with_4403(
    server: Running, insider: Insider, shown: str, lose: Callable[[Insider], Awaitable[None]]
) -> None:
    async with server.talking(getattr(insider, shown)) as socket, server.talking() as other:
        await socket.subscribe(STATS, name="colour", every=200)
        await other.subscribe(STATS, name="colour", every=200)
        await socket.value()
        await other.value()
        await lose(insider)
        await server.endpoints.vigil.look()

        assert await socket.closed() == FORBIDDEN
        await server.assign("ada")
        assert (await other.value())["totalAssignments"] == 1


@pytest.mark.parametrize(("shown", "lose"), LOSSES)
async def test_what_another_process_took_away_ends_server_sent_events(
    server: Running, insider: Insider, shown: str, lose: Callable[[Insider], Awaitable[None]]
) -> None:
    headers = {"Authorization": f"Bearer {getattr(insider, shown)}", "Accept": "text/event-stream"}
    body = {"query": STATS, "variables": {"name": "colour"}}
    async with server.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        parts = response.aiter_text()
        first = await anext(parts)
        await lose(insider)
        await server.endpoints.vigil.look()
        rest = "".join([part async for part in parts])

    assert first.startswith('event: next\ndata: {"data":{"experimentStats":{"revision"')
    assert rest.startswith('event: next\ndata: {"errors":[{"message":"what you have shown is no')
    assert '"code":"FORBIDDEN"' in rest
    assert rest.endswith("event: complete\ndata: \n\n")
    await eventually(lambda: len(server.endpoints.channels) == 0)


@pytest.mark.parametrize("pause", [0, 1])
async def test_nobody_waits_for_more_than_ten_seconds(
    server: Running, insider: Insider, pause: int
) -> None:
    loop = asyncio.get_running_loop()
    async with server.talking(insider.key) as socket:
        await socket.subscribe(STATS, name="colour", every=60_000)
        await socket.value()
        await asyncio.sleep(pause)
        before = loop.time()
        await _key_revoked(insider)

        assert await socket.closed(WITHIN) == FORBIDDEN
        assert loop.time() - before < WITHIN


async def test_a_key_that_is_revoked_by_mutation_closes_its_streams(server: Running) -> None:
    await server.experiment()
    made = await server.graph(MAKE_KEY, i={"name": "reports", "scopes": ["READ"]})
    async with server.talking(made["key"]) as socket:
        await socket.subscribe(STATS, name="colour")
        await socket.value()
        await server.graph(REVOKE_KEY, i={"id": made["apiKey"]["id"]})

        assert await socket.closed(WITHIN) == FORBIDDEN


async def test_who_logs_out_elsewhere_is_closed(server: Running, insider: Insider) -> None:
    async with server.talking(insider.session) as socket:
        await socket.subscribe(STATS, name="colour")
        await socket.value()
        headers = {"Authorization": f"Bearer {insider.session}"}
        answer = await server.http.post("/graphql", json={"query": LOG_OUT}, headers=headers)
        assert answer.json() == {"data": {"sessionRevoke": {"revoked": True}}}

        assert await socket.closed(WITHIN) == FORBIDDEN


@pytest.mark.parametrize(
    ("mutation", "input"), [("memberUpdate", {"role": "VIEWER"}), ("memberRemove", {})]
)
async def test_a_member_who_may_no_more_do_what_they_could_is_closed(
    server: Running, project: ProjectId, insider: Insider, mutation: str, input: dict[str, Any]
) -> None:
    owner = await put_user(server.database, project, Role.OWNER)
    server.http.headers["Authorization"] = (
        f"Bearer {await session_of(server.database, project, owner)}"
    )
    kind = {"memberUpdate": "MemberUpdateInput", "memberRemove": "MemberInput"}[mutation]
    change = f"mutation ($i: {kind}!) {{ {mutation}(input: $i) {{ errors {{ message }} }} }}"
    async with server.talking(insider.session) as socket:
        await socket.subscribe(STATS, name="colour")
        await socket.value()
        await server.graph(change, i={"user": str(global_id("User", insider.user.id))} | input)

        assert await socket.closed(WITHIN) == FORBIDDEN


async def test_who_has_not_subscribed_yet_is_closed_too(server: Running, insider: Insider) -> None:
    async with server.talking(insider.key) as socket:
        await _key_revoked(insider)
        await server.endpoints.vigil.look()

        assert await socket.closed() == FORBIDDEN


async def test_a_token_that_is_no_more_valid_is_refused_at_once(
    server: Running, insider: Insider
) -> None:
    await _session_revoked(insider)
    async with server.connected() as socket:
        payload = {"Authorization": f"Bearer {insider.session}"}
        await socket.say({"type": "connection_init", "payload": payload})

        assert (await socket.closed())[0] == 4403


async def test_nobody_is_watched_who_has_left(server: Running, insider: Insider) -> None:
    async with server.talking(insider.key) as socket:
        await socket.subscribe(STATS, name="colour")
        await socket.value()
        assert len(server.endpoints.vigil) == 1

    await eventually(lambda: len(server.endpoints.vigil) == 0)


LOG_OUT = "mutation { sessionRevoke { revoked } }"
MAKE_KEY = """mutation ($i: ApiKeyCreateInput!) {
  apiKeyCreate(input: $i) { key apiKey { id } errors { message } }
}"""
REVOKE_KEY = "mutation ($i: ApiKeyInput!) { apiKeyRevoke(input: $i) { errors { message } } }"
