"""Publishes, a few seconds later, what trackers have changed: for people who read with SQL."""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

from domain.errors import Unavailable
from persistence.tallies import Tallies

logger = logging.getLogger(__name__)

PAUSE = 5.0  # seconds; what is published is never older than ten


class Publisher:
    def __init__(self, tallies: Tallies, pause: float = PAUSE) -> None:
        self._tallies = tallies
        self._pause = pause
        self._changed: set[UUID] = set()

    def notice(self, experiments: Collection[UUID]) -> None:
        self._changed.update(experiments)

    async def run(self) -> None:
        """Begins with all that runs: a process that was killed may have left something behind."""
        with suppress(Unavailable):
            self.notice(await self._tallies.running())
        while True:
            await self.publish()
            await asyncio.sleep(self._pause)

    async def publish(self) -> None:
        changed, self._changed = self._changed, set()
        if not changed:
            return
        try:
            await self._tallies.publish(changed)
        except Unavailable:
            self._changed |= changed
            logger.warning("the variants' columns could not be published: tried again later")
        except Exception:  # whatever it is, it must not be the last time
            self._changed |= changed
            logger.exception("the variants' columns could not be published: tried again later")
