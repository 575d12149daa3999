"""Where the server has its secret key from, and what it says where it has none."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.graphql_api.serving import said, serving
from tests.persistence.servers import names_in, open_folder
from tests.secret import OTHER_KEY, SECRET_KEY

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"
SECRET = base64.b64encode(b"half of a secret").decode()
UNSET: dict[str, str | Path] = {"ABGRAPH_SECRET_KEY": ""}
MISSING = (
    "Error: ABGRAPH_SECRET_KEY is not set, and with DATABASE_URL it has to be: `openssl rand "
    "-base64 32` makes one, and every server of one database needs the same"
)
WRONG = (
    "Error: ABGRAPH_SECRET_KEY must hold a key of 32 bytes in base64 or hexadecimal, or several "
    "with commas between them, but key 2 of 2 has 16 bytes; `openssl rand -base64 32` makes one"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.mark.parametrize("command", ["serve", "demo", "key rotate-secret"])
async def test_with_a_database_of_yours_a_key_is_needed(command: str) -> None:
    assert await said(*command.split(), DATABASE_URL=NOWHERE, **UNSET) == (1, MISSING)


async def test_a_wrong_key_is_one_sentence_that_does_not_show_it(folder: Path) -> None:
    status, text = await said(
        "serve", ABGRAPH_DATA_DIR=folder / "data", ABGRAPH_SECRET_KEY=f"{SECRET_KEY},{SECRET}"
    )

    assert (status, text) == (1, WRONG)
    assert not (folder / "data").exists()


async def test_a_key_and_a_file_are_one_too_many(folder: Path) -> None:
    environment = {"ABGRAPH_DATA_DIR": folder / "data", "ABGRAPH_SECRET_KEY_FILE": folder / "key"}

    both = await said("serve", **environment)
    missing = await said("serve", **(environment | UNSET))

    reason = "are both set: leave one of them away"
    assert both == (1, f"Error: ABGRAPH_SECRET_KEY and ABGRAPH_SECRET_KEY_FILE {reason}")
    place = f"ABGRAPH_SECRET_KEY_FILE ({folder / 'key'})"
    assert missing == (1, f"Error: {place} cannot be read: No such file or directory")
    assert names_in(folder) == set()


@pytest.mark.parametrize("command", ["migrate", "verify", "user list", "project list"])
async def test_commands_that_seal_nothing_need_no_key(database_url: str, command: str) -> None:
    status, _ = await said(*command.split(), DATABASE_URL=database_url, **UNSET)

    assert status == 0


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_the_embedded_database_has_a_key_of_its_own_which_nobody_hears_of(
    folder: Path, workers: str
) -> None:
    path = folder / "data" / "secret.key"
    environment = {"ABGRAPH_DATA_DIR": folder / "data", **UNSET}

    async with serving("--workers", workers, **environment) as server:
        first, mode = path.read_text().strip(), path.stat().st_mode & 0o777
        environments = [environment_of(pid) for pid in server.workers()]
        lines = "\n".join(server.lines)
    async with serving(**environment):
        second = path.read_text().strip()

    named = f"ABGRAPH_SECRET_KEY_FILE={path}"
    handed = [each for each in environments if named in each]
    assert (len(base64.b64decode(first)), mode, second) == (32, 0o600, first)
    assert len(handed) == (2 if workers == "2" else 0)
    assert not any(first in text for text in (lines, *environments))


async def test_a_file_with_the_key_serves_beside_a_database_of_yours(
    folder: Path, database_url: str
) -> None:
    (folder / "key").write_text(f"{OTHER_KEY},{SECRET_KEY}\n")
    environment = {"DATABASE_URL": database_url, "ABGRAPH_SECRET_KEY_FILE": folder / "key", **UNSET}

    async with serving("--workers", "2", **environment) as server:
        assert await server.status() == 200


def environment_of(pid: int) -> str:
    return Path("/proc", str(pid), "environ").read_text()
