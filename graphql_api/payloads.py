"""What is sent to many is kept once, and of what is outdated no more than a bounded amount is kept
for those who read slowly."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from weakref import ref

_PIECE = 2**16  # bytes; what is larger is sent piece by piece, at the speed of who reads it
MOST_OUTDATED = 2**25  # bytes

# Between us and the protocols below:
PARTS = "abgraph.parts"  # of an ASGI message: together they are its text
ABORT = "abgraph.abort"  # of an ASGI scope: ends the connection, whatever waits to be read


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Payload:
    """Shared by all who are sent it."""

    data: bytes


def opened(payload: Payload, within: bytes) -> Sequence[bytes | memoryview]:
    """With what only one of all gets, before the brace at its end."""
    return (memoryview(payload.data)[:-1], within, b"}") if within else (payload.data,)


def pieces(*parts: bytes | memoryview) -> Sequence[bytes | memoryview]:
    """Of a text that is never put together as a whole, unless it is small."""
    if sum(map(len, parts)) <= _PIECE:
        return [b"".join(parts)]
    return [
        memoryview(part)[start : start + _PIECE]
        for part in parts
        for start in range(0, len(part), _PIECE)
    ]


class Reader(Protocol):
    def held(self) -> Collection[Payload]:
        """What it has still to be sent, or is being sent."""
        ...

    def cut(self) -> None:
        """It holds nothing any more, soon."""
        ...


class Outdated:
    """Payloads that are nobody's latest, for as long as somebody holds them. Who stops reading in
    the middle of one holds all of it, and each may hold another: past a bound, those go who hold
    the oldest."""

    def __init__(self, most: int = MOST_OUTDATED) -> None:
        self._most = most
        self._readers: set[Reader] = set()
        self._sizes: dict[ref[Payload], int] = {}  # the oldest first
        self.size = 0

    @contextmanager
    def watched(self, reader: Reader) -> Iterator[None]:
        self._readers.add(reader)
        try:
            yield
        finally:
            self._readers.discard(reader)

    def take(self, payload: Payload) -> None:
        size = len(payload.data)
        self._sizes[ref(payload, self._forget)] = size
        self.size += size
        if self.size > self._most:
            self._cut_half()

    def _cut_half(self) -> None:
        """Not just as much as is too much, else all readers would be looked through each time."""
        old = set()
        while self.size > self._most // 2 and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            old.add(oldest())
            self._forget(oldest)
        for reader in list(self._readers):
            if not old.isdisjoint(reader.held()):
                reader.cut()

    def _forget(self, reference: ref[Payload]) -> None:
        self.size -= self._sizes.pop(reference, 0)
