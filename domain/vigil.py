"""Keeps an eye on those who stay connected: whether they may still be."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from domain.access import Caller
from domain.errors import Unavailable

logger = logging.getLogger(__name__)

PAUSE = 3.0  # seconds; a revocation is felt within ten


class Callers(Protocol):
    async def callers(self, tokens: Collection[str]) -> Mapping[str, Caller]:
        """Who shows which of the tokens, as it is now; those that are not valid are left out."""
        ...


class Vigil:
    def __init__(self, callers: Callers, pause: float = PAUSE) -> None:
        self._callers = callers
        self._pause = pause
        self._watched: dict[tuple[str, Caller], set[Callable[[], None]]] = {}

    def __len__(self) -> int:
        return len(self._watched)

    @contextmanager
    def watched(self, token: str, caller: Caller, dismiss: Callable[[], None]) -> Iterator[None]:
        """`dismiss` is called once the token is no more what it was."""
        known = self._watched.setdefault((token, caller), set())
        known.add(dismiss)
        try:
            yield
        finally:
            known.discard(dismiss)
            if not known:
                self._watched.pop((token, caller), None)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self.look()
            except Unavailable:
                continue  # nobody is told anything new either
            except Exception:  # whatever it is, it must not be the last look
                logger.exception("who is connected could not be checked: tried again later")

    async def look(self) -> None:
        if not self._watched:
            return
        watched = list(self._watched.items())  # who comes meanwhile is not asked about
        present = await self._callers.callers({token for (token, _), _ in watched})
        for (token, caller), dismissals in watched:
            if present.get(token) != caller:
                for dismiss in list(dismissals):
                    dismiss()
