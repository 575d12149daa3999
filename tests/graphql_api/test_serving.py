"""The server as a process: how it starts, and that nothing of it is left when it has ended."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.graphql_api.serving import AUTHORIZATION, Serving, serving, started
from tests.persistence.servers import ask, is_alive, open_folder, postmaster, until

SLOW = {"query": 'mutation { experimentCreate(input: {name: "slow"}) { errors { code } } }'}
GET = b"GET /healthz HTTP/1.1\r\nHost: abgraph\r\n\r\n"
BIG = b"GET /static/graphiql/graphiql-4.1.2.min.js HTTP/1.1\r\nHost: abgraph\r\n\r\n"
ONE_OR_TWO = pytest.mark.parametrize("workers", ["1", "2"])


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


async def test_the_first_start_says_what_it_does_in_three_lines(folder: Path) -> None:
    async with serving(ABGRAPH_DATA_DIR=folder / "data", ABGRAPH_SECRET_KEY="") as server:
        told = [line.split(maxsplit=2)[2] for line in server.lines]

    assert told[0] == f"making a PostgreSQL database in {folder / 'data'}, the first time only"
    assert told[1].startswith("made the tables: ")
    assert told[2].startswith(f"abgraph 0.1.0 answers on {server.url}/graphql")
    assert len(told) == 3


@ONE_OR_TWO
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_the_server_and_its_database(
    folder: Path, workers: str, number: signal.Signals
) -> None:
    async with serving("--workers", workers, ABGRAPH_DATA_DIR=folder) as server:
        database, processes = postmaster(folder), server.workers()
        assert await server.status() == 200

        server.tell(number)

        assert await server.ends() == 0
        assert not any(map(is_alive, (database, *processes)))
        assert server.lines[-1].endswith("stopped")
        assert "Traceback" not in "".join(server.lines)


async def test_being_told_during_the_start_ends_it_just_so(folder: Path) -> None:
    async with started(ABGRAPH_DATA_DIR=folder) as server:
        await server.hears("starting PostgreSQL")

        server.tell(signal.SIGTERM)
        server.tell(signal.SIGINT)

        assert await server.ends() == 0
        assert not (folder / "postgres" / "postmaster.pid").exists()


@ONE_OR_TWO
async def test_no_client_keeps_the_server_from_ending(folder: Path, workers: str) -> None:
    async with serving("--workers", workers, ABGRAPH_DATA_DIR=folder) as server:
        database = postmaster(folder)
        url = f"postgresql://abgraph@/abgraph?host={folder}/run"
        locker = await asyncpg.connect(url)
        await locker.execute("BEGIN; LOCK TABLE ab_experiments")
        with server.connect() as idle, server.connect() as reader:
            idle.sendall(GET)
            assert idle.recv(4096).startswith(b"HTTP/1.1 200")
            reader.sendall(BIG * 20)
            waiting = asyncio.create_task(_slow_request(server))
            await _until_somebody_waits(url)

            server.tell(signal.SIGTERM)

            assert await server.ends() == 0
            await asyncio.wait([waiting])
        assert not is_alive(database)
        locker.terminate()


async def test_being_told_twice_ends_what_is_under_way(folder: Path) -> None:
    async with serving(ABGRAPH_DATA_DIR=folder, ABGRAPH_GRACE="600") as server:
        url = f"postgresql://abgraph@/abgraph?host={folder}/run"
        locker = await asyncpg.connect(url)
        await locker.execute("BEGIN; LOCK TABLE ab_experiments")
        waiting = asyncio.create_task(_slow_request(server))
        await _until_somebody_waits(url)

        server.tell(signal.SIGINT)
        await asyncio.sleep(0.2)
        server.tell(signal.SIGINT)

        assert await server.ends() == 0
        await asyncio.wait([waiting])
        locker.terminate()


async def test_a_process_that_is_killed_gets_a_successor(folder: Path) -> None:
    async with serving("--workers", "2", ABGRAPH_DATA_DIR=folder) as server:
        before = server.workers()

        os.kill(min(before), signal.SIGKILL)

        assert "another takes its place" in await server.hears("ERROR")
        await until(lambda: len(server.workers() - before) == 1)
        assert await server.status() == 200


async def test_after_a_kill_the_processes_end_and_the_database_is_adopted(folder: Path) -> None:
    async with serving("--workers", "2", ABGRAPH_DATA_DIR=folder) as server:
        database, processes = postmaster(folder), server.workers()
        port = server.url.rpartition(":")[2]

        server.tell(signal.SIGKILL)

        await until(lambda: not any(map(is_alive, processes)))
        assert is_alive(database)
    async with serving("--port", port, ABGRAPH_DATA_DIR=folder) as server:
        assert await server.status() == 200
        assert postmaster(folder) == database


async def test_processes_that_cannot_start_are_not_started_again_and_again(
    database_url: str,
) -> None:
    deaf = (sys.executable, "-E", "-m", "graphql_api.cli")  # to what its processes trip over
    trap = {"PYTHONHASHSEED": "no number", "DATABASE_URL": database_url}

    async with started("--workers", "2", command=deaf, **trap) as server:
        assert await server.ends(within=20) == 1
        assert server.lines[-1] == "Error: the server processes do not start: the log says why"


async def test_a_key_to_begin_with_that_can_be_none_is_refused_by_its_variable(
    folder: Path,
) -> None:
    async with started(ABGRAPH_DATA_DIR=folder, ABGRAPH_BOOTSTRAP_SERVER_KEY="no") as server:
        assert await server.ends(within=20) == 1
        word = "Error: ABGRAPH_BOOTSTRAP_SERVER_KEY must begin with abk_"
        assert server.lines[-1].startswith(word)


async def test_two_servers_that_start_at_once_share_the_first_project(database_url: str) -> None:
    async with (
        started("--workers", "2", DATABASE_URL=database_url) as one,
        started(DATABASE_URL=database_url) as other,
    ):
        await asyncio.gather(one.answers(), other.answers())

    assert await ask(database_url, "SELECT count(*) FROM ab_projects") == 1


async def _slow_request(server: Serving) -> None:
    async with httpx.AsyncClient(timeout=30, headers=AUTHORIZATION) as http:
        await http.post(f"{server.url}/graphql", json=SLOW)


async def _until_somebody_waits(url: str) -> None:
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while not await ask(url, waits):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.02)
