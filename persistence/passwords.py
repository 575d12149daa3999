"""Passwords, with argon2id and the parameters that OWASP advises (2026: 19 MiB, 2 passes)."""

import asyncio

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 4  # each takes 19 MiB and a core


class Passwords:
    def __init__(self) -> None:
        self._argon2 = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
        self._of_nobody = self._argon2.hash("a password that nobody has")
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def hash(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._argon2.hash, password)

    async def matches(self, password_hash: str | None, password: str) -> bool:
        async with self._turns:
            matches = await asyncio.to_thread(
                self._verified, password_hash or self._of_nobody, password
            )
        return matches and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        return self._argon2.check_needs_rehash(password_hash)

    def _verified(self, password_hash: str, password: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
