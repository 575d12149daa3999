"""Nothing is worked out for somebody who has gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

_SOON = 0.2  # seconds; most have their answer by then


@asynccontextmanager
async def while_connected(request: Request) -> AsyncIterator[None]:
    """Of a request that has been read. What it holds ends with ClientDisconnect."""
    watchers: list[asyncio.Task[None]] = []

    def watch() -> None:
        watchers.append(asyncio.create_task(_watch(request, until)))

    until = asyncio.timeout(None)
    timer = asyncio.get_running_loop().call_later(_SOON, watch)
    try:
        async with until:
            yield
    except TimeoutError:
        if not until.expired():
            raise
        raise ClientDisconnect from None
    finally:
        timer.cancel()
        for watcher in watchers:
            watcher.cancel()


async def _watch(request: Request, until: asyncio.Timeout) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
    until.reschedule(0)
