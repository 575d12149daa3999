"""Who opens connections and says nothing, or asks for much and reads nothing of it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphql_api.heads import Http
from graphql_api.settings import Settings
from tests.graphql_api.serving import serving
from tests.live.conftest import CREATE, PATIENCE, SERVER_KEY, Running, eventually, running

ELSEWHERE = "127.0.0.2"  # the address of no proxy
SMALL = 2**12  # bytes that the system keeps for a client who is to be slow
LARGE = 2**20
FLOOD = 300
MOST_OF_ONE = 2**15  # bytes of a connection on which nothing is said
ALIASES = " ".join(f"a{number}: description" for number in range(30))
ALL = f"{{ experiments(first: 100) {{ nodes {{ {ALIASES} }} }} }}"


@asynccontextmanager
async def bounded(url: str, **settings: Any) -> AsyncIterator[Running]:
    async with running(url, Settings(log_level="warning", **settings)) as found:
        yield found


class Client:
    """Of HTTP, that reads when it is told to."""

    def __init__(self, server: Running | str, source: str, room: int | None = None) -> None:
        url = server if isinstance(server, str) else server.url
        host, port = url.removeprefix("http://").split(":")
        self._address = host, int(port)
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.bind((source, 0))
        if room is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)

    async def connect(self) -> None:
        await asyncio.get_running_loop().sock_connect(self.socket, self._address)

    async def say(self, text: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, text)

    async def read(self, most: int = 2**16) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().sock_recv(self.socket, most)

    async def read_all(self) -> None:
        while await self.read():
            pass

    async def ask(self, query: str) -> None:
        body = f'{{"query": "{query}"}}'
        head = (
            "POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {SERVER_KEY}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        await self.say((head + body).encode())


@asynccontextmanager
async def client(
    server: Running | str, source: str = ELSEWHERE, room: int | None = None
) -> AsyncIterator[Client]:
    found = Client(server, source, room)
    try:
        await found.connect()
        yield found
    finally:
        found.socket.close()


def transports(server: Running) -> list[asyncio.Transport]:
    connections = server.server.server_state.connections
    return [each.transport for each in connections if isinstance(each, Http)]


def unread(server: Running) -> int:
    """Bytes that wait for the client who has most."""
    return max((each.get_write_buffer_size() for each in transports(server)), default=0)


async def keep_little(server: Running) -> None:
    """Of what is sent to the only client, the system takes hardly anything."""
    await eventually(lambda: len(transports(server)) == 1)
    connection = transports(server)[0].get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


async def status(server: Running, source: str = "127.0.0.1") -> int:
    """As a client hears it that connects anew."""
    transport = httpx.AsyncHTTPTransport(local_address=source)
    async with httpx.AsyncClient(base_url=server.url, transport=transport) as http:
        return (await http.get("/healthz")).status_code


async def test_a_flood_that_says_nothing_is_let_go_and_others_are_served(prepared: str) -> None:
    async with bounded(prepared, arrival_time=2) as server, AsyncExitStack() as flood:
        for _ in range(FLOOD):
            await flood.enter_async_context(client(server))
        await eventually(lambda: len(server.endpoints.http_places) == FLOOD)
        served = await status(server)

        await eventually(lambda: len(server.endpoints.http_places) == 0)

    assert served == 200


async def test_what_a_silent_connection_takes_is_little() -> None:
    async with serving() as server, AsyncExitStack() as flood:
        before = resident(server.process.pid)
        for _ in range(FLOOD):
            await flood.enter_async_context(client(server.url))
        assert await server.status() == 200
        grown = resident(server.process.pid) - before

    assert grown < FLOOD * MOST_OF_ONE


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


async def test_an_address_has_so_many_connections_and_others_their_own(prepared: str) -> None:
    async with bounded(prepared, http_connections_per_address=2) as server:
        async with client(server), client(server):
            await eventually(lambda: len(server.endpoints.http_places) == 2)
            async with client(server) as third:
                refusal = await third.read()
            elsewhere = await status(server, "127.0.0.3")
        await eventually(lambda: len(server.endpoints.http_places) == 0)
        after = await status(server, ELSEWHERE)

    assert refusal.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n")
    assert (elsewhere, after) == (200, 200)


async def test_there_are_so_many_connections_in_all(prepared: str) -> None:
    async with bounded(prepared, http_connections=3) as server, AsyncExitStack() as flood:
        for place in (2, 3, 4):
            await flood.enter_async_context(client(server, f"127.0.0.{place}"))
        await eventually(lambda: len(server.endpoints.http_places) == 3)
        async with client(server, "127.0.0.5") as fourth:
            refusal, end = await fourth.read(), await fourth.read()

    assert (refusal[:13], end) == (b"HTTP/1.1 503 ", b"")


async def test_a_proxy_has_as_many_as_there_are(prepared: str) -> None:
    settings = {"http_connections": 3, "http_connections_per_address": 1}
    async with (
        bounded(prepared, **settings) as server,
        client(server, "127.0.0.1"),
        client(server, "127.0.0.1"),
    ):
        await eventually(lambda: len(server.endpoints.http_places) == 2)
        served = await status(server)

    assert served == 200


async def test_a_socket_takes_no_place_of_plain_connections(prepared: str) -> None:
    async with (
        bounded(prepared, http_connections=1) as server,
        server.talking(),
        server.talking() as socket,
    ):
        await socket.subscribe("{ __typename }")
        answer = await socket.hear()
        taken = len(server.endpoints.http_places)

    assert answer["payload"] == {"data": {"__typename": "Query"}}
    assert taken == 0


@pytest.fixture
async def slow(prepared: str) -> AsyncIterator[Running]:
    """A server that waits for a second, and has a large answer."""
    async with bounded(prepared, reading_time=1) as server:
        for number in range(10):
            variants = [{"name": "control", "isControl": True}, {"name": "other"}]
            described = {"name": f"large-{number}", "description": "d" * 5_000}
            await server.graph(CREATE, i=described | {"variants": variants})
        await server.http.aclose()
        await eventually(lambda: len(server.endpoints.http_places) == 0)
        yield server


async def test_an_answer_that_nobody_reads_is_given_up(slow: Running) -> None:
    async with client(slow, room=SMALL) as idle:
        await keep_little(slow)
        await idle.ask(ALL)
        await eventually(lambda: unread(slow) > LARGE)
        await eventually(lambda: len(slow.endpoints.http_places) == 0)
        with pytest.raises(ConnectionResetError):
            await idle.read_all()

    assert unread(slow) == 0


async def test_who_reads_slowly_gets_all_of_it(slow: Running) -> None:
    heard = b""
    async with client(slow, room=SMALL) as patient:
        await keep_little(slow)
        await patient.ask(ALL)
        for _ in range(25):
            heard += await patient.read(2**14)
            await asyncio.sleep(0.1)
        while not heard.endswith(b"}]}}}"):
            heard += await patient.read()

    assert len(heard) > LARGE


async def test_small_answers_that_nobody_reads_are_given_up_too(slow: Running) -> None:
    async with client(slow, room=SMALL) as idle:
        await keep_little(slow)
        while not unread(slow):
            await idle.ask("{ __typename }")
            await asyncio.sleep(0.01)
        most = unread(slow)

        await eventually(lambda: len(slow.endpoints.http_places) == 0)

    assert most < 2**16


async def test_who_reads_at_once_and_then_rests_stays(slow: Running) -> None:
    async with client(slow) as resting:
        for _ in range(2):
            await resting.ask("{ __typename }")
            assert (await resting.read()).endswith(b'{"data":{"__typename":"Query"}}')
            await asyncio.sleep(1.5)

        assert len(slow.endpoints.http_places) == 1


async def test_an_upgrade_waits_for_the_answers_before_it(slow: Running) -> None:
    stream = (
        b"GET /graphql?query=subscription%7BexperimentChanged(experiment:%7Bname:%22checkout%22%7D)"
        b"%7Bid%7D%7D HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n"
        b"Authorization: Bearer " + SERVER_KEY.encode() + b"\r\n\r\n"
    )
    upgrade = (
        b"GET /graphql HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    async with client(slow) as both:
        await both.say(stream + upgrade)
        heard = b""
        while more := await both.read():
            heard += more

    assert b"400 Bad Request" in heard
    assert b"101 Switching" not in heard
