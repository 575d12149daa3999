"""The command as people type it: what it prints, and its exit status."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphql_api.schema import schema
from tests.graphql_api.serving import said, serving, started
from tests.persistence.servers import ask, open_folder

SECRET = "hunter2"  # noqa: S105  nobody's
TOO_MANY = (
    "ABGRAPH_POOL_SIZE is 10: 64 server processes would take 640 connections, "
    "and the embedded PostgreSQL admits 190"
)
NOBODY = f"postgresql://anna:{SECRET}@127.0.0.1:1/abgraph"


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


async def test_it_says_its_version() -> None:
    assert await said("version") == (0, "0.1.0")


@pytest.mark.parametrize(
    "command",
    ["serve", "migrate", "revision", "schema", "schema export", "key rotate-secret", "version"],
)
async def test_every_command_explains_itself(command: str) -> None:
    status, text = await said(*command.split(), "--help")

    assert status == 0
    assert text.startswith(f"Usage: python -m graphql_api.cli {command}")


async def test_the_schema_is_exported() -> None:
    assert await said("schema", "export") == (0, schema.as_str().strip())


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        (
            {"ABGRAPH_PORT": "http"},
            "ABGRAPH_PORT is 'http': it must be a whole number from 0 to 65535",
        ),
        (
            {"ABGRAPH_HOST": "nowhere.invalid"},
            "ABGRAPH_HOST is 'nowhere.invalid': there is no such address",
        ),
        (
            {"ABGRAPH_HOST": "192.0.2.1"},
            "ABGRAPH_HOST is '192.0.2.1': it is no address of this machine",
        ),
        (
            {"ABGRAPH_WORKERS": "64"},
            TOO_MANY,
        ),
    ],
)
async def test_a_wrong_setting_is_one_sentence(
    folder: Path, environment: dict[str, str], sentence: str
) -> None:
    status, text = await said("serve", ABGRAPH_DATA_DIR=folder / "data", **environment)

    assert (status, text) == (1, f"Error: {sentence}")
    assert not (folder / "data").exists()


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (NOBODY, "the database of DATABASE_URL cannot be used: Connection refused"),
        (f"abgraph:{SECRET}", "DATABASE_URL must look like "),
    ],
)
async def test_a_database_that_cannot_be_used_is_said_without_the_password(
    command: str, url: str, reason: str
) -> None:
    status, text = await said(command, DATABASE_URL=url)

    assert status == 1
    assert f"Error: {reason}" in text
    assert SECRET not in text
    assert "Traceback" not in text


async def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        status, text = await said("serve", ABGRAPH_PORT=str(port))

    assert status == 1
    assert text.startswith(f"Error: ABGRAPH_PORT is {port}: it is in use on 127.0.0.1")


async def test_migrate_says_what_it_did_in_both_directions(empty_database_url: str) -> None:
    _, made = await said("migrate", "--to", "002", DATABASE_URL=empty_database_url)
    _, again = await said("migrate", "--to", "002", DATABASE_URL=empty_database_url)
    _, undone = await said("migrate", "--down-to", "-1", DATABASE_URL=empty_database_url)

    assert [line[:4] for line in made.splitlines()] == ["001 ", "002 "]
    assert again == "nothing to do: the database is there already"
    assert undone.startswith("undid 002 ")


async def test_an_unknown_revision_is_said(database_url: str) -> None:
    status, text = await said("migrate", "--to", "nope", DATABASE_URL=database_url)

    assert (status, text) == (1, "Error: Can't locate revision identified by 'nope'")


async def test_a_server_that_may_not_migrate_refuses_old_tables(database_url: str) -> None:
    await said("migrate", "--down-to", "-1", DATABASE_URL=database_url)

    status, text = await said("serve", DATABASE_URL=database_url, ABGRAPH_MIGRATE="off")

    assert status == 1
    assert "and ABGRAPH_MIGRATE is off: run abgraph migrate first" in text


async def test_a_database_of_a_newer_abgraph_is_refused(database_url: str) -> None:
    await ask(database_url, "UPDATE alembic_version SET version_num = '999'")

    status, text = await said("serve", DATABASE_URL=database_url)

    assert status == 1
    assert "the database is at revision 999, which this abgraph does not know" in text


async def test_a_running_server_shares_its_database_with_migrate_alone(folder: Path) -> None:
    async with serving(ABGRAPH_DATA_DIR=folder) as server:
        shared = await said("migrate", ABGRAPH_DATA_DIR=folder)
        async with started(ABGRAPH_DATA_DIR=folder) as second:
            assert await second.ends() == 1
            refusal = second.lines[-1]
        assert await server.status() == 200

    assert shared == (0, "nothing to do: the database is there already")
    assert refusal.startswith(f"Error: {folder} is in use by another abgraph")
