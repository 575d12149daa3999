"""Servers that die, and what becomes of them."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from persistence.placement import place
from tests.persistence.servers import (
    ask,
    eventually,
    is_alive,
    keep,
    open_folder,
    other_process,
    postmaster,
    running,
    until,
    watched,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


async def test_the_log_stays_small(folder: Path) -> None:
    async with watched(folder) as url:
        with (folder / "postgres.log").open("a") as log:
            log.write("full\n" * 2_000_000)
        await until(lambda: (folder / "postgres.log").stat().st_size < 2**21)

        assert await ask(url, "SELECT 1") == 1


async def test_a_server_left_by_a_killed_owner_is_adopted(folder: Path) -> None:
    async with other_process("serve", folder) as owner:
        url = await owner.says()
        began = await ask(url, "SELECT pg_postmaster_start_time()")
        await owner.end(signal.SIGKILL)

    async with running(folder) as url:
        assert await ask(url, "SELECT pg_postmaster_start_time()") == began
        assert await ask(url, "SHOW fsync") == "off"  # by the newer start
        server = postmaster(folder)
    assert not is_alive(server)


async def test_what_was_committed_survives_a_kill_of_everything(folder: Path) -> None:
    async with other_process("serve", folder) as owner:
        url = await owner.says()
        await keep(url, "lemon")
        os.kill(postmaster(folder), signal.SIGKILL)
        await owner.end(signal.SIGKILL)

    async with running(folder) as url:
        assert await ask(url, "SELECT word FROM kept") == "lemon"


async def test_a_start_waits_for_the_last_backend_of_a_killed_server(folder: Path) -> None:
    async with other_process("serve", folder) as owner:
        connection = await asyncpg.connect(await owner.says())
        backend = await connection.fetchval("SELECT pg_backend_pid()")
        os.kill(backend, signal.SIGSTOP)
        os.kill(postmaster(folder), signal.SIGKILL)
        await owner.end(signal.SIGKILL)
        connection.terminate()

    asyncio.get_running_loop().call_later(1, os.kill, backend, signal.SIGCONT)
    began = time.monotonic()
    async with running(folder) as url:
        assert await ask(url, "SELECT 1") == 1
        assert time.monotonic() - began > 1


async def test_a_process_id_that_somebody_else_has_by_now_is_no_obstacle(folder: Path) -> None:
    async with running(folder):
        record = (folder / "postgres" / "postmaster.pid").read_text()
        account = (await place(folder)).account
    sleeper = await asyncio.create_subprocess_exec(
        *("sleep", "60"), preexec_fn=lambda: os.setuid(account.pw_uid)
    )
    (folder / "postgres" / "postmaster.pid").write_text(
        f"{sleeper.pid}\n{record.partition(chr(10))[2]}"
    )

    try:
        async with running(folder) as url:
            assert await ask(url, "SELECT 1") == 1
        assert sleeper.returncode is None
    finally:
        sleeper.kill()
        await sleeper.wait()


async def test_a_killed_server_is_started_again(folder: Path) -> None:
    async with watched(folder, durable=True) as url:
        await keep(url, "plum")
        began = await ask(url, "SELECT pg_postmaster_start_time()")
        os.kill(postmaster(folder), signal.SIGKILL)
        await until(lambda: not is_alive(postmaster(folder)))

        assert await eventually(url, "SELECT word FROM kept") == "plum"
        assert await ask(url, "SELECT pg_postmaster_start_time()") > began


async def test_a_server_that_waits_for_its_clients_to_leave_is_started_again(folder: Path) -> None:
    async with watched(folder) as url:
        staying = await asyncpg.connect(url)
        os.kill(postmaster(folder), signal.SIGTERM)
        with pytest.raises(asyncpg.CannotConnectNowError):
            await ask(url, "SELECT 1")

        assert await eventually(url, "SELECT 1") == 1
        staying.terminate()


async def test_a_removed_socket_is_made_again(folder: Path) -> None:
    async with watched(folder) as url:
        shutil.rmtree(folder / "run")

        assert await eventually(url, "SELECT 1") == 1


async def test_a_server_that_does_not_start_is_quoted(folder: Path) -> None:
    async with running(folder):
        pass
    os.truncate(folder / "postgres" / "global" / "pg_control", 0)

    with pytest.raises(EmbeddedPostgresError, match=r"did not start in .*pg_control"):
        await EmbeddedPostgres(folder).start()
