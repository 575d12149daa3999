"""Connections that stay open: counted, so that nobody takes them all, and told when to end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum


class Transport(StrEnum):
    WEBSOCKET = "websocket"
    EVENT_STREAM = "event_stream"


class TooManyConnections(Exception):
    pass


class Connections:
    def __init__(self, most: int, most_of_one_address: int) -> None:
        self._most = most
        self._most_of_one_address = most_of_one_address
        self._addresses: Counter[str] = Counter()
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
        if len(self._open) >= self._most:
            raise TooManyConnections(f"there are {self._most} connections: try again later")
        if self._addresses[address] >= self._most_of_one_address:
            raise TooManyConnections(
                f"your address has {self._most_of_one_address} connections: that is all it may have"
            )
        self._open.add(close)
        self._emptied.clear()
        self._addresses[address] += 1
        self.transports[transport] += 1
        try:
            yield
        finally:
            self._open.discard(close)
            self._addresses[address] -= 1
            self.transports[transport] -= 1
            if not self._addresses[address]:
                del self._addresses[address]
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
