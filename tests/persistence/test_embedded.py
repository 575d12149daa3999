import asyncio
import os
import resource
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator
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
    names_in,
    open_folder,
    other_process,
    postmaster,
    running,
    until,
    watched,
)

GONE = (FileNotFoundError, ConnectionRefusedError)
COLLATION = """
    SELECT datlocprovider::text || ' ' || datlocale FROM pg_database
    WHERE datname = current_database()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.fixture(scope="module")
async def home() -> AsyncIterator[Path]:
    """Of a server for the tests that only look at one."""
    with open_folder() as made:
        async with running(made):
            yield made


@pytest.fixture
def url(home: Path) -> str:
    return f"postgresql://abgraph@/abgraph?host={home}/run"


async def test_the_database_is_the_same_on_every_machine(url: str) -> None:
    assert await ask(url, "SHOW timezone") == "UTC"
    assert await ask(url, "SHOW server_encoding") == "UTF8"
    assert await ask(url, "SHOW data_checksums") == "on"
    assert await ask(url, COLLATION) == "b C.UTF-8"


async def test_the_application_is_no_superuser_and_may_make_databases(url: str) -> None:
    assert await ask(url, "SHOW is_superuser") == "off"
    await ask(url, "CREATE DATABASE another")


async def test_nothing_listens_on_tcp(home: Path, url: str) -> None:
    assert await ask(url, "SHOW listen_addresses") == ""
    assert open_sockets(postmaster(home)) & tcp_sockets() == set()


async def test_no_value_of_a_statement_is_logged(home: Path, url: str) -> None:
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.DataError):
        await connection.fetch("SELECT $1::text::int", "secret-value")
    await connection.close()

    assert "secret-value" not in (home / "postgres.log").read_text()


async def test_the_second_start_finds_what_the_first_stored(folder: Path) -> None:
    async with running(folder, durable=True) as url:
        await keep(url, "kiwi")

    began = time.monotonic()
    async with running(folder, durable=True) as url:
        seconds = time.monotonic() - began

        assert await ask(url, "SELECT word FROM kept") == "kiwi"
        assert seconds < 3


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
async def test_only_a_server_for_tests_gives_up_durability(
    folder: Path, durable: bool, expected: str
) -> None:
    async with running(folder, durable=durable) as url:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await ask(url, f"SHOW {setting}") == expected


@pytest.mark.parametrize("name", ['with a space, 5 o\'clock: $HOME "ö"', "long" * 60])
async def test_the_folder_may_have_any_name(folder: Path, name: str) -> None:
    async with running(folder / name) as url:
        assert await ask(url, "SELECT 1") == 1


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


async def test_a_second_process_is_refused_or_shares(folder: Path) -> None:
    async with other_process("serve", folder) as owner:
        url = await owner.says()
        second = EmbeddedPostgres(folder)

        with pytest.raises(EmbeddedPostgresError, match="is in use by another abgraph"):
            await second.start()
        assert await second.start(share=True) == url
        await second.watch()
        await second.stop()
        assert await ask(url, "SELECT 1") == 1
        await owner.end(signal.SIGTERM)


async def test_of_several_that_share_from_the_first_moment_one_is_the_owner(folder: Path) -> None:
    async with other_process("share", folder) as one, other_process("share", folder) as another:
        urls = {await one.says(), await another.says()}
        url = urls.pop()

        assert not urls
        assert await ask(url, "SELECT 1") == 1
        await one.end(signal.SIGTERM)
        await another.end(signal.SIGTERM)
        with pytest.raises(GONE):
            await ask(url, "SELECT 1")


async def test_a_lock_that_nobody_holds_is_no_obstacle(folder: Path) -> None:
    (folder / "embedded.lock").write_text("1\n")

    async with running(folder) as url:
        assert await ask(url, "SELECT 1") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_all_within_five_seconds(folder: Path, number: signal.Signals) -> None:
    async with other_process("serve", folder) as owner:
        connection = await asyncpg.connect(await owner.says())
        busy = asyncio.create_task(connection.execute("SELECT pg_sleep(60)"))
        server = postmaster(folder)
        began = time.monotonic()

        assert await owner.end(number) == 0
        assert time.monotonic() - began < 5
        assert not is_alive(server)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await busy


async def test_to_stop_twice_is_to_stop_once(folder: Path) -> None:
    postgres = EmbeddedPostgres(folder, durable=False)
    url = await postgres.start()

    await postgres.stop()
    await postgres.stop()

    with pytest.raises(GONE):
        await ask(url, "SELECT 1")


async def test_a_start_that_is_cancelled_leaves_nothing_running(folder: Path) -> None:
    async with running(folder):
        pass
    start = asyncio.create_task(EmbeddedPostgres(folder).start())
    await until((folder / "postgres" / "postmaster.pid").exists)

    start.cancel()

    with pytest.raises(asyncio.CancelledError):
        await start
    assert not (folder / "postgres" / "postmaster.pid").exists()


async def test_a_killed_initdb_leaves_no_cluster_that_counts(folder: Path) -> None:
    async with other_process("serve", folder) as owner:
        await until(lambda: list(folder.glob("postgres.new-*/PG_VERSION")) != [])
        await owner.end(signal.SIGKILL)

    assert not (folder / "postgres").exists()
    async with running(folder) as url:
        assert await ask(url, "SELECT 1") == 1


async def test_a_failed_initdb_is_quoted(folder: Path) -> None:
    def with_small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))

    async with other_process("serve", folder, before=with_small_files) as owner:
        refusal = await owner.says()

    assert refusal.startswith(f"refused: PostgreSQL could not make its data in {folder}: ")
    assert "File too large" in refusal
    assert names_in(folder) == {"embedded.lock"}


async def test_a_server_that_does_not_start_is_quoted(folder: Path) -> None:
    async with running(folder):
        pass
    os.truncate(folder / "postgres" / "global" / "pg_control", 0)

    with pytest.raises(EmbeddedPostgresError, match=r"did not start in .*pg_control"):
        await EmbeddedPostgres(folder).start()


@pytest.mark.parametrize("name", [".", "postgres"])
async def test_the_data_of_another_major_are_refused(folder: Path, name: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "PG_VERSION").write_text("17\n")

    with pytest.raises(EmbeddedPostgresError, match="PostgreSQL 17, and this is PostgreSQL 18"):
        await EmbeddedPostgres(folder).start()
    assert (folder / name / "PG_VERSION").read_text() == "17\n"


async def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch()

    with pytest.raises(EmbeddedPostgresError, match=r"data folder .*/file/data cannot be used"):
        await EmbeddedPostgres(folder / "file" / "data").start()


def open_sockets(pid: int) -> set[str]:
    opened = [str(path.readlink()) for path in Path("/proc", str(pid), "fd").iterdir()]
    return {name[8:-1] for name in opened if name.startswith("socket:[")}


def tcp_sockets() -> set[str]:
    tables = [Path("/proc/net", name).read_text() for name in ("tcp", "tcp6")]
    return {line.split()[9] for table in tables for line in table.splitlines()[1:]}
