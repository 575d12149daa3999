"""Connections that stay open: counted, so that nobody takes them all, and told when to end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

from graphql_api.places import Places, TooManyConnections


class Transport(StrEnum):
    WEBSOCKET = "websocket"
    EVENT_STREAM = "event_stream"


class Connections:
    def __init__(self, most: int, most_of_one_address: int) -> None:
        self._places = Places(most, most_of_one_address)
        self.transports: Counter[Transport] = Counter()
        self._open: set[Callable[[], None]] = set()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._is_closing = False

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def entered(
        self,
        address: str,
        close: Callable[[], None],
        transport: Transport = Transport.WEBSOCKET,
    ) -> Iterator[None]:
        """Raises TooManyConnections. `close` is called when the server stops."""
        if self._is_closing:
            raise TooManyConnections("the server stops")
        self._places.take(address)
        self._open.add(close)
        self._emptied.clear()
        self.transports[transport] += 1
        try:
            yield
        finally:
            self._open.discard(close)
            self._places.give_back(address)
            self.transports[transport] -= 1
            if not self._open:
                self._emptied.set()

    async def close(self, patience: float) -> None:
        """All of them, once what they have still to say is said; who does not read is not waited
        for."""
        self._is_closing = True
        for close in list(self._open):
            close()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._emptied.wait()
