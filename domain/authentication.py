"""From what a request shows to who is asking."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.access import Caller, Unauthenticated
from domain.errors import Unavailable
from domain.tokens import KEY_PREFIX, SESSION_PREFIX

logger = logging.getLogger(__name__)

REMEMBERED_FOR = 5.0  # seconds: as long as a revocation may take to be felt elsewhere
_REMEMBERED = 10_000
_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What is known of a token that is valid now."""

    caller: Caller
    expires_at: datetime | None
    last_used_at: datetime | None = None


class CredentialStore(Protocol):
    async def of_keys(
        self, hashes: Collection[bytes], now: datetime
    ) -> Mapping[bytes, Credential]: ...

    async def of_sessions(
        self, hashes: Collection[bytes], now: datetime
    ) -> Mapping[bytes, Credential]: ...

    async def note_use(self, key: UUID, at: datetime, *, unless_since: datetime) -> None: ...

    async def allowed_origins(self, now: datetime) -> frozenset[str]:
        """Of all keys that are valid."""
        ...


class Authentication:
    def __init__(
        self,
        store: CredentialStore,
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self._store = store
        self._clock = clock
        self._seconds = seconds
        self._known: OrderedDict[bytes, tuple[Credential, float]] = OrderedDict()
        self._origins: tuple[frozenset[str], float] = (frozenset(), 0.0)
        self._forgotten = 0
        self._reading: dict[tuple[bytes, int], asyncio.Task[Credential]] = {}
        self._notes: dict[UUID, asyncio.Task[None]] = {}

    async def caller(self, token: str) -> Caller:
        """Raises Unauthenticated."""
        digest = _digest(token)
        credential, until = self._known.get(digest, (None, 0.0))
        if credential is None or self._seconds() >= until or self._is_over(credential):
            credential = await self._read_once(token, digest)
        return credential.caller

    async def callers(self, tokens: Collection[str]) -> Mapping[str, Caller]:
        """As they are now, not as they are remembered; who is not valid is left out."""
        digests = {token: _digest(token) for token in tokens}
        valid = await self._valid(digests, self._clock())
        return {token: valid[each].caller for token, each in digests.items() if each in valid}

    def forget(self) -> None:
        """Something was revoked or changed here: it is felt at once."""
        self._known.clear()
        self._origins = (frozenset(), 0.0)
        self._forgotten += 1

    async def is_allowed_origin(self, origin: str) -> bool:
        """For the question that a browser asks before it shows its key."""
        origins, until = self._origins
        if self._seconds() >= until:
            forgotten = self._forgotten
            origins = await self._store.allowed_origins(self._clock())
            if forgotten == self._forgotten:
                self._origins = (origins, self._seconds() + REMEMBERED_FOR)
        return "*" in origins or origin in origins

    async def _read_once(self, token: str, hash: bytes) -> Credential:
        """For all that show it at the same time; not by a look from before a change of ours."""
        asked = hash, self._forgotten
        reading = self._reading.get(asked)
        if reading is None:
            reading = asyncio.create_task(self._read(token, hash), context=Context())
            self._reading[asked] = reading
            reading.add_done_callback(lambda _: self._reading.pop(asked))
            reading.add_done_callback(_heard)
        return await asyncio.shield(reading)

    async def _read(self, token: str, hash: bytes) -> Credential:
        now, forgotten = self._clock(), self._forgotten
        found = (await self._valid({token: hash}, now)).get(hash)
        if found is None:
            self._known.pop(hash, None)
            raise Unauthenticated
        if forgotten == self._forgotten:  # else it may have been read before the change
            self._remember(hash, found)
        self._note_use(found, now)
        return found

    async def _valid(
        self, digests: Mapping[str, bytes], now: datetime
    ) -> Mapping[bytes, Credential]:
        keys = [each for token, each in digests.items() if token.startswith(KEY_PREFIX)]
        sessions = [each for token, each in digests.items() if token.startswith(SESSION_PREFIX)]
        found: dict[bytes, Credential] = {}
        if keys:
            found |= await self._store.of_keys(keys, now)
        if sessions:
            found |= await self._store.of_sessions(sessions, now)
        return found

    def _remember(self, hash: bytes, found: Credential) -> None:
        self._known[hash] = (found, self._seconds() + REMEMBERED_FOR)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _is_over(self, credential: Credential) -> bool:
        return credential.expires_at is not None and credential.expires_at <= self._clock()

    def _note_use(self, found: Credential, now: datetime) -> None:
        key, last = found.caller.api_key, found.last_used_at
        if key is None or (last is not None and now - last < _USE_NOTED_EVERY):
            return
        if key not in self._notes:
            self._notes[key] = asyncio.create_task(self._noted(key, now), context=Context())

    async def _noted(self, key: UUID, now: datetime) -> None:
        try:
            await self._store.note_use(key, now, unless_since=now - _USE_NOTED_EVERY)
        except Unavailable:
            logger.warning("the use of a key could not be noted")
        finally:
            del self._notes[key]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _heard(reading: "asyncio.Task[Credential]") -> None:
    """Those hear of a failure who wait for it, if there are any left."""
    if not reading.cancelled():
        reading.exception()
