"""A backup is what pg_dump wrote and the secret key, and neither is enough alone."""

import asyncio
import importlib.util
from pathlib import Path

import pytest

from domain.sealing import Unsealable
from persistence.placement import INSTALLATION, WHEEL
from tests.persistence.sealed import opened, put_states, seals
from tests.secret import OTHER_KEY, SECRET_KEY


async def ran(program: str, *arguments: str | Path) -> None:
    wheel = importlib.util.find_spec(WHEEL)
    assert wheel
    assert wheel.origin
    path = Path(wheel.origin).parent / INSTALLATION / "bin" / program
    process = await asyncio.create_subprocess_exec(path, *arguments)
    assert await process.wait() == 0


@pytest.mark.parametrize("form", ["custom", "plain"])
async def test_sealed_states_survive_a_dump_and_its_restoring(
    database_url: str, empty_database_url: str, tmp_path: Path, form: str
) -> None:
    plain, dump = await put_states(database_url, SECRET_KEY), tmp_path / "dump"
    load = ("pg_restore",) if form == "custom" else ("psql", "-q", "-v", "ON_ERROR_STOP=1", "-f")

    await ran("pg_dump", "-F", form, "-f", dump, database_url)
    await ran(*load, dump, "-d", empty_database_url)

    assert await seals(empty_database_url) == await seals(database_url)
    assert await opened(empty_database_url, SECRET_KEY) == plain
    with pytest.raises(Unsealable, match="unknown_key"):
        await opened(empty_database_url, OTHER_KEY)
