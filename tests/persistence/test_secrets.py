"""What nobody may find: passwords, tokens and keys, in all that is kept and all that is said."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from graphql_api import logs
from graphql_api.app import begin, create_app
from graphql_api.settings import Settings
from persistence import revisions
from tests.persistence.sealed import put, put_states, state_box
from tests.persistence.servers import ask, open_folder, running
from tests.secret import SECRET_KEY

EMAIL, PASSWORD = "ada@shop.example", "the first secret of Ada"
NEW_PASSWORD, GUESS = "the second secret of Ada", "a guess that was close"
BOB, BOBS = "bob@shop.example", "the secret that Bob begins with"
STATE = "what is known of a variant"
SERVER_KEY, TRACKER_KEY = "abk_server-key-that-is-secret", "abk_tracker-key-that-is-secret"
GIVEN = [PASSWORD, NEW_PASSWORD, GUESS, BOBS, SERVER_KEY, TRACKER_KEY, SECRET_KEY, STATE]

LOGIN = """
mutation($email: String!, $password: String!) {
  sessionCreate(input: {email: $email, password: $password}) { token errors { message } }
}
"""
CHANGE = """
mutation($old: String!, $new: String!) {
  passwordChange(input: {currentPassword: $old, newPassword: $new}) { errors { message } }
}
"""
MEMBER = """
mutation($email: String!, $password: String!) {
  memberAdd(input: {email: $email, role: VIEWER, password: $password}) { errors { message } }
}
"""
KEY = """
mutation {
  apiKeyCreate(input: {name: "shop", scopes: [ADMIN]}) { key apiKey { id } errors { message } }
}
"""
REVOKE = "mutation($id: ID!) { apiKeyRevoke(input: {id: $id}) { errors { message } } }"
HISTORY = "{ viewer { project { history { nodes { action changes subjectName } } } } }"


@dataclass(slots=True)
class Spoken:
    """What clients were told, and the secrets that were among it, as they had to be."""

    http: httpx.AsyncClient
    answers: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    async def say(self, token: str | None, query: str, **variables: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        body = {"query": query, "variables": variables}
        response = await self.http.post("/graphql", json=body, headers=headers)
        data: dict[str, Any] = response.json().get("data") or {}
        made = [
            payload.pop(name)
            for payload in data.values()
            for name in ("token", "key")
            if payload and payload.get(name)
        ]
        self.secrets += made
        self.answers += [str(data) if made else response.text]
        return data | {"made": made}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the server logs, at its most talkative."""
    root, written = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers[:], root.level
    logs.configure("debug", pretty=False)
    handler = logging.StreamHandler(written)
    handler.setFormatter(logs.JsonLines())
    root.addHandler(handler)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    spoken: Spoken


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[Server]:
    """With a database of its own: once it has stopped, all of it is in the files."""
    async with running(folder / "data") as url:
        await revisions.upgrade(url)
        settings = Settings(
            secret_key=SECRET_KEY,
            bootstrap_email=EMAIL,
            bootstrap_password=PASSWORD,
            bootstrap_server_key=SERVER_KEY,
            bootstrap_tracker_key=TRACKER_KEY,
        )
        assert await begin(settings, url) is not None
        app = create_app(settings, url)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://abgraph") as http,
        ):
            yield Server(url, Spoken(http))


async def live(server: Server) -> None:
    """All that has to do with secrets: what is done, what is refused and what fails."""
    say = server.spoken.say
    [session] = (await say(None, LOGIN, email=EMAIL, password=PASSWORD))["made"]
    await say(None, LOGIN, email=EMAIL, password=GUESS)
    await say(None, LOGIN, email=GUESS, password=GUESS)
    await say(session, MEMBER, email=BOB, password=BOBS)
    await say(None, LOGIN, email=BOB, password=BOBS)
    made = await say(SERVER_KEY, KEY)
    await say(made["made"][0], HISTORY)
    await say(session, CHANGE, old=GUESS, new=NEW_PASSWORD)
    await say(session, CHANGE, old=PASSWORD, new=NEW_PASSWORD)
    await say(SERVER_KEY, REVOKE, id=made["apiKeyCreate"]["apiKey"]["id"])
    await say(made["made"][0], HISTORY)
    await say(session + "x", HISTORY)
    await ask(server.url, "ALTER TABLE ab_audit ADD CHECK (false) NOT VALID")
    await say(None, LOGIN, email=EMAIL, password=NEW_PASSWORD)
    await say(session, CHANGE, old=NEW_PASSWORD, new=PASSWORD)
    await say(session, MEMBER, email="eve@shop.example", password=BOBS)
    await say(SERVER_KEY, KEY)


async def test_secrets_are_nowhere_in_plain_text(lines: io.StringIO) -> None:
    with open_folder() as folder:
        async with served(folder) as server:
            await live(server)
            sealed = await put_sealed(server.url)
            tables = await copied(server.url)
        secrets = [*GIVEN, *server.spoken.secrets]
        in_files, controls = found_in_files(folder, secrets), found_in_files(folder, [EMAIL, BOB])

    answers, logged = "\n".join(server.spoken.answers), lines.getvalue()
    assert (len(server.spoken.secrets), controls) == (3, [EMAIL, BOB])
    assert (EMAIL in tables, "ab_audit_check" in logged) == (True, True)
    assert sealed.hex() in tables
    assert answers.count("INTERNAL_SERVER_ERROR") == 4
    assert in_files == []
    for text in (tables, answers, logged):
        assert [secret for secret in secrets if secret in text] == []
    assert [line for line in logged.splitlines() if "$argon2" in line] == []


async def put_sealed(url: str) -> bytes:
    [variant] = await put_states(url, SECRET_KEY, 1)
    sealed = state_box(SECRET_KEY).seal(STATE.encode(), variant)
    await put(url, {variant: sealed})
    return sealed


async def copied(url: str) -> str:
    """All tables, as COPY writes them."""
    connection, written = await asyncpg.connect(url), io.BytesIO()
    try:
        for (table,) in await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ):
            await connection.copy_from_table(table, output=written)
    finally:
        await connection.close()
    return written.getvalue().decode()


def found_in_files(folder: Path, words: list[str]) -> list[str]:
    """Which of them stand in a file of the cluster: tables, write-ahead log, PostgreSQL's log."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            found |= {word for word in words if word.encode() in content}
    return sorted(found)
