"""Requests that never come to an end, or come drop by drop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from graphql_api.settings import Settings
from tests.live.conftest import PATIENCE, Running, running

POST = b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def bounded(url: str, **settings: Any) -> AsyncIterator[Running]:
    async with running(url, Settings(log_level="warning", **settings)) as found:
        yield found


class Raw:
    """A connection on which every byte is ours."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def heard(self) -> bytes:
        """All, until the server ends it."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()


@asynccontextmanager
async def raw(server: Running) -> AsyncIterator[Raw]:
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()


async def test_a_body_that_drips_is_not_waited_for(prepared: str) -> None:
    async with bounded(prepared, arrival_time=1) as server, raw(server) as peer:
        peer.writer.write(POST + b"Content-Length: 100\r\nConnection: close\r\n\r\n")
        dripping = asyncio.create_task(_drip(peer, b'{"q'))
        heard = await peer.heard()
        dripping.cancel()

    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"the body did not arrive within 1 s" in heard


async def _drip(peer: Raw, text: bytes) -> None:
    for byte in text:
        peer.writer.write(bytes([byte]))
        await asyncio.sleep(0.2)


async def test_a_body_in_pieces_is_read_as_far_as_it_may_go(prepared: str) -> None:
    async with bounded(prepared, max_body=1000) as server, raw(server) as peer:
        peer.writer.write(POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        peer.writer.write(b"400\r\n" + b"a" * 1024 + b"\r\n")
        heard = await peer.heard()

    assert heard.startswith(b"HTTP/1.1 413 ")
    assert b"the body is larger than 1000 bytes" in heard


@pytest.mark.parametrize("place", [b"/", b"/ HTTP/1.1\r\nX-Long: "], ids=["address", "header"])
async def test_what_precedes_a_body_has_an_end(server: Running, place: bytes) -> None:
    async with raw(server) as peer:
        peer.writer.write(b"GET " + place + b"a" * 60_000)
        await asyncio.sleep(0.2)  # what is left unread when a connection ends takes the answer away
        peer.writer.write(b"a" * 6_000)
        heard = await peer.heard()

    assert heard.startswith(b"HTTP/1.1 431 ")


async def test_headers_that_drip_are_not_waited_for(prepared: str) -> None:
    async with bounded(prepared, arrival_time=1) as server, raw(server) as peer:
        dripping = asyncio.create_task(_drip(peer, POST))
        heard = await peer.heard()
        dripping.cancel()

    assert heard == b""


async def test_who_connects_and_says_nothing_is_not_waited_for(prepared: str) -> None:
    async with bounded(prepared, arrival_time=1) as server, raw(server) as peer:
        heard = await peer.heard()

    assert heard == b""


async def test_a_second_request_has_the_time_of_the_first(prepared: str) -> None:
    async with bounded(prepared, arrival_time=1) as server:
        async with server.http.stream("GET", "/healthz") as first:
            await first.aread()
        await asyncio.sleep(1.5)
        second = await server.http.get("/healthz")

    assert first.extensions["network_stream"] is second.extensions["network_stream"]
    assert second.status_code == 200
