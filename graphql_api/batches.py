"""How loaders ask: all keys of one level together."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from aiodataloader import DataLoader

MAX_BATCH = 10_000

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Fetch = Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]

_begun: ContextVar["set[asyncio.Task[Any]] | None"] = ContextVar("begun", default=None)


@contextmanager
def ended_together() -> Iterator[None]:
    """An operation that is cancelled takes its batches with it: each is a task of its own."""
    begun: set[asyncio.Task[Any]] = set()
    before = _begun.set(begun)
    try:
        yield
    except asyncio.CancelledError:
        for task in begun:
            task.cancel()
        raise
    finally:
        _begun.reset(before)


class Loader(DataLoader[Key, Value]):
    def load(self, key: Key) -> "asyncio.Future[Value]":
        """Shielded: a field that fails cancels its siblings, and must not cancel with them the
        rows that another branch waits for."""
        loaded = super().load(key)
        loaded.add_done_callback(_heard)
        return asyncio.shield(loaded)


def _heard(loaded: "asyncio.Future[Any]") -> None:
    """asyncio would complain of a failure for which nobody waits any more."""
    if not loaded.cancelled():
        loaded.exception()


def _unheard(_loader: str, _size: int) -> None:
    pass


class Batches:
    """`on_batch` hears the name of each loader that asks, and for how many keys."""

    def __init__(self, on_batch: Callable[[str, int], None] = _unheard) -> None:
        self._on_batch = on_batch

    def one(self, name: str, fetch: Fetch[Key, Value]) -> Loader[Key, Value | None]:
        async def load(keys: list[Key]) -> list[Value | None]:
            found = await self.fetched(name, fetch, keys)
            return [found.get(key) for key in keys]

        return Loader(load, max_batch_size=MAX_BATCH)

    def many(self, name: str, fetch: Fetch[Key, Sequence[Value]]) -> Loader[Key, Sequence[Value]]:
        async def load(keys: list[Key]) -> list[Sequence[Value]]:
            found = await self.fetched(name, fetch, keys)
            return [found.get(key, ()) for key in keys]

        return Loader(load, max_batch_size=MAX_BATCH)

    async def fetched(
        self, name: str, fetch: Fetch[Key, Value], keys: Collection[Key]
    ) -> Mapping[Key, Value]:
        self._on_batch(name, len(keys))
        begun, task = _begun.get(), asyncio.current_task()
        if begun is not None and task is not None:
            begun.add(task)
            task.add_done_callback(begun.discard)
        return await fetch(keys)
