import asyncio
import resource
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from tests.persistence.servers import (
    ask,
    is_alive,
    keep,
    names_in,
    open_folder,
    other_process,
    postmaster,
    running,
    until,
)

GONE_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError)
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


async def test_a_second_process_is_refused_or_shares(folder: Path) -> None:
    async with other_process("serve", folder) as owner:
        url = await owner.says()
        second = EmbeddedPostgres(folder)

        with pytest.raises(EmbeddedPostgresError, match="is in use by another abgraph"):
            await second.start()
        assert await second.start(share=True) == url
        async with asyncio.timeout(5):
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
        try:
            began = time.monotonic()
            status = await owner.end(number)

            assert status == 0
            assert time.monotonic() - began < 5
            assert not is_alive(server)
        finally:
            connection.terminate()
            await asyncio.wait([busy])
        assert isinstance(busy.exception(), GONE_AWAY)


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
