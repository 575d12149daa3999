"""abgraph key rotate-secret, beside a server that answers."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from persistence.secret_keys import spelt
from tests.graphql_api.serving import COMMAND, ENVIRONMENT, said, serving
from tests.persistence.sealed import key_file, opened, put, put_states, seals
from tests.persistence.servers import open_folder, postmaster, until
from tests.secret import OTHER_KEY, SECRET_KEY

ROTATE = ("key", "rotate-secret")
UNSET = {"ABGRAPH_SECRET_KEY": ""}
BOTH = f"{OTHER_KEY},{SECRET_KEY}"
ONE_KEY = (
    "Error: ABGRAPH_SECRET_KEY holds one key: set it to a new key, a comma and the present one, "
    "restart every server with that, and do this again; `openssl rand -base64 32` makes one"
)
DROP = [
    "sealed 3 values under the first key of ABGRAPH_SECRET_KEY",
    "drop the keys behind it once every server was restarted with it in front",
]
LOST = (
    "Error: 1 values stay as they are, and so do the old keys: add the key that is missing at the "
    "end, and do this again"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


def url_of(folder: Path) -> str:
    return f"postgresql://abgraph@/abgraph?host={folder / 'run'}&port=5432"


async def test_a_running_servers_key_is_changed_without_a_restart(folder: Path) -> None:
    path = folder / "secret.key"
    async with serving(ABGRAPH_DATA_DIR=folder, **UNSET) as server:
        followed, database = key_file(path), postmaster(folder)
        [old] = followed.current
        plain = await put_states(url_of(folder), followed)

        status, text = await said(*ROTATE, ABGRAPH_DATA_DIR=folder, **UNSET)

        [new] = followed.current
        assert await opened(url_of(folder), followed) == plain
        assert (await server.status(), postmaster(folder)) == (200, database)
    assert (status, new == old, path.stat().st_mode & 0o777) == (0, False, 0o600)
    assert "sealing anew" in text
    assert text.splitlines()[-2:] == [
        f"sealed 3 values under the first key of {path}",
        "the old key is gone from there",
    ]


async def test_killed_and_done_again_it_loses_nothing(folder: Path) -> None:
    path = folder / "secret.key"
    environment = {**ENVIRONMENT, "ABGRAPH_DATA_DIR": str(folder), **UNSET}
    async with serving(ABGRAPH_DATA_DIR=folder, **UNSET):
        plain = await put_states(url_of(folder), key_file(path))
        process = subprocess.Popen([*COMMAND, *ROTATE], env=environment)  # noqa: ASYNC220, S603  our own
        await until(lambda: len(key_file(path).current) == 2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        begun = key_file(path).current
        assert await opened(url_of(folder), key_file(path)) == plain

        status, _ = await said(*ROTATE, ABGRAPH_DATA_DIR=folder, **UNSET)

        assert (status, key_file(path).current) == (0, begun[:1])
        assert await opened(url_of(folder), key_file(path)) == plain


async def test_keys_of_the_environment_are_yours_to_change(database_url: str) -> None:
    plain = await put_states(database_url, SECRET_KEY)
    before = await seals(database_url)

    refused, sentence = await said(*ROTATE, DATABASE_URL=database_url)
    unchanged = await seals(database_url) == before
    status, text = await said(*ROTATE, DATABASE_URL=database_url, ABGRAPH_SECRET_KEY=BOTH)

    assert (refused, sentence.splitlines()[-1], unchanged) == (1, ONE_KEY, True)
    assert (status, text.splitlines()[-2:]) == (0, DROP)
    assert await opened(database_url, OTHER_KEY) == plain


async def test_what_no_key_opens_is_named_and_nothing_is_dropped(
    folder: Path, database_url: str
) -> None:
    broken, *_ = await put_states(database_url, SECRET_KEY)
    await put(database_url, {broken: b"nonsense"})
    path = folder / "key"
    path.write_text(SECRET_KEY)

    status, text = await said(
        *ROTATE, DATABASE_URL=database_url, ABGRAPH_SECRET_KEY_FILE=path, **UNSET
    )

    source = f"ABGRAPH_SECRET_KEY_FILE ({path})"
    assert status == 1
    assert text.splitlines()[-3:] == [
        f"sealed 2 values under the first key of {source}",
        f"no key opens the value of variant {broken}",
        LOST,
    ]
    assert key_file(path).current[1:] == spelt(SECRET_KEY, "K")
    assert (await seals(database_url))[broken] == b"nonsense"
