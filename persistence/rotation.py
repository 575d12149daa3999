"""Every sealed value under the newest key, beside servers that go on sealing."""

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

from domain.ids import NIL
from domain.sealing import Unsealable
from persistence.compiled import Driver
from persistence.engine import Database
from persistence.sealing import ALGORITHM_STATE, SealedBox
from persistence.secret_keys import Rotating

BATCH = 500
NOTICED = 6.0  # seconds until what a server sealed before it saw the new key is written

_COUNT = "SELECT count(*) FROM ab_variants WHERE algorithm_state IS NOT NULL"
_NEXT = """
SELECT id, algorithm_state FROM ab_variants
 WHERE algorithm_state IS NOT NULL AND id > $1 ORDER BY id LIMIT $2
"""
# Where a server has written meanwhile, its own is newer, and looked at again.
_SWAP = "UPDATE ab_variants SET algorithm_state = $3 WHERE id = $1 AND algorithm_state = $2"


class Rotation:
    """Can be begun again, wherever it ended: no key is dropped that a value may need."""

    def __init__(self, database: Database, keys: Rotating, noticed: float = NOTICED) -> None:
        self._database = database
        self._keys = keys
        self._noticed = noticed if keys.is_followed else 0.0
        self._box = SealedBox(keys, ALGORITHM_STATE)
        self._left = 0  # under another key, as the last look found it
        self.source = keys.source
        self.sealed = 0
        self.lost: list[UUID] = []  # the variants whose values no key opens
        self.is_old_key_gone = False

    async def run(self) -> AsyncGenerator[tuple[int, int], None]:
        """How many of how many values have been looked at."""
        with self._keys.taken():
            self._keys.begin()
            async with self._database.at_leisure() as connection:
                async for progress in self._look(connection):
                    yield progress
                await asyncio.sleep(self._noticed)
                await self._settle(connection)
            if not self.lost:
                self.is_old_key_gone = self._keys.finish()

    async def _settle(self, connection: Driver) -> None:
        while True:
            async for _ in self._look(connection):
                pass
            if not self._left:
                return

    async def _look(self, connection: Driver) -> AsyncGenerator[tuple[int, int], None]:
        self._left, self.lost = 0, []
        every, seen, last = await connection.fetchval(_COUNT), 0, NIL
        yield seen, every
        while rows := await connection.fetch(_NEXT, last, BATCH):
            for variant, sealed in rows:
                await self._renew(connection, variant, sealed)
            seen, last = seen + len(rows), rows[-1][0]
            yield seen, max(seen, every)

    async def _renew(self, connection: Driver, variant: UUID, sealed: bytes) -> None:
        try:
            plain = self._box.open(sealed, variant)
        except Unsealable:
            self.lost.append(variant)
            return
        if not self._box.is_current(sealed):
            self._left += 1
            anew = self._box.seal(plain, variant)
            self.sealed += _number(await connection.execute(_SWAP, variant, sealed, anew))


def _number(status: str) -> int:
    return int(status.rpartition(" ")[2])
