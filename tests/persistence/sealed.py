"""Variants with sealed states, and what opens them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias
from uuid import UUID

import asyncpg

from persistence.engine import Database
from persistence.key_file import KeyFile
from persistence.sealing import ALGORITHM_STATE, SealedBox
from persistence.secret_keys import GivenKeys, Keys
from tests.persistence.graphs import stored_experiment, stored_project, stored_variants

Seals: TypeAlias = dict[UUID, bytes]

_STORED = "SELECT id, algorithm_state FROM ab_variants WHERE algorithm_state IS NOT NULL"
_STORE = "UPDATE ab_variants SET algorithm_state = $2 WHERE id = $1"


def state_box(keys: Keys | str) -> SealedBox:
    """`keys` may be their text."""
    held = GivenKeys(keys, "the test") if isinstance(keys, str) else keys
    return SealedBox(held, ALGORITHM_STATE)


def key_file(path: Path, text: str | None = None) -> KeyFile:
    if text is not None:
        path.write_text(text)
    return KeyFile(path, "K")


async def put(url: str, states: Mapping[UUID, bytes]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.executemany(_STORE, states.items())
    finally:
        await connection.close()


async def seals(url: str) -> Seals:
    connection = await asyncpg.connect(url)
    try:
        return {row["id"]: row["algorithm_state"] for row in await connection.fetch(_STORED)}
    finally:
        await connection.close()


async def put_states(url: str, keys: Keys | str, count: int = 3) -> dict[UUID, bytes]:
    """The plain states of new variants, and one variant besides that has none."""
    database = Database(url)
    try:
        experiment = await stored_experiment(database, await stored_project(database))
        variants = await stored_variants(database, experiment.id, count + 1)
    finally:
        await database.dispose()
    plain = {each.id: f"state {place}".encode() for place, each in enumerate(variants[:count])}
    box = state_box(keys)
    await put(url, {variant: box.seal(state, variant) for variant, state in plain.items()})
    return plain


async def opened(url: str, keys: Keys | str) -> dict[UUID, bytes]:
    """Raises Unsealable where one does not open."""
    box = state_box(keys)
    return {variant: box.open(sealed, variant) for variant, sealed in (await seals(url)).items()}
