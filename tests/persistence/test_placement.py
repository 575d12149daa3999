"""Which OS user, and where: mostly what only root can try, who can become anybody."""

import importlib.metadata
import os
import pwd
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from persistence.placement import LODGE, TENANT, WHEEL
from tests.persistence.servers import (
    ask,
    keep,
    names_in,
    open_folder,
    other_process,
    postmaster,
    program,
    running,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
STRANGER = "daemon"  # never one of the OS users that PostgreSQL runs as
PACKAGES = Path(asyncpg.__file__).parents[1]
OPEN = all(parent.stat().st_mode & 0o001 for parent in (PACKAGES, *PACKAGES.parents))


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made
        for tenant in LODGE.glob(f"*/{TENANT}"):
            if Path(tenant.read_text()).is_relative_to(made):
                shutil.rmtree(tenant.parent)


@pytest.fixture
def closed(folder: Path) -> Path:
    made = folder / "home"
    made.mkdir(mode=0o700)
    return made


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def exists(path: Path) -> bool:
    return path.exists()


def move(path: Path, to: Path) -> None:
    path.rename(to)


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)


async def test_a_folder_that_may_not_be_written_is_named(folder: Path) -> None:
    set_mode(folder, 0o555)

    async with other_process("serve", folder, user="nobody") as owner:
        refusal = await owner.says()

    assert refusal == (
        f"refused: the data folder {folder} cannot be used: Permission denied "
        f"({folder}/embedded.lock)"
    )


@pytest.mark.skipif(not OPEN, reason="an ordinary user cannot get to the wheel in this clone")
async def test_an_ordinary_user_runs_it_and_root_may_take_turns(folder: Path) -> None:
    shutil.chown(folder, "nobody")
    async with other_process("serve", folder, user="nobody") as owner:
        assert (await owner.says()).startswith("postgresql://")
        assert await owner.end(signal.SIGTERM) == 0

    for name in ("embedded.lock", "postgres.log"):
        (folder / name).unlink()  # root makes them now
    async with running(folder, durable=True) as url:
        await keep(url, "pear")
        assert (folder / "postgres").stat().st_uid == pwd.getpwnam("nobody").pw_uid

    async with other_process("serve", folder, user="nobody") as owner:
        url = await owner.says()
        async with other_process("ask", url, "SELECT word FROM kept", user="nobody") as client:
            assert await client.says() == "pear"
        assert await owner.end(signal.SIGTERM) == 0


async def test_another_os_user_is_refused(folder: Path) -> None:
    async with running(folder) as url:
        async with other_process("ask", url, "SELECT 1", user=STRANGER) as client:
            assert (await client.says()).startswith("PermissionError")

        (folder / "run").chmod(0o755)
        (folder / "run" / ".s.PGSQL.5432").chmod(0o777)
        for role in ("abgraph", "postgres"):
            stranger_url = url.replace("abgraph@", f"{role}@")
            async with other_process("ask", stranger_url, "SELECT 1", user=STRANGER) as client:
                assert (await client.says()).startswith("InvalidAuthorizationSpecificationError")


async def test_below_a_closed_folder_the_data_go_elsewhere_and_no_mode_changes(
    closed: Path,
) -> None:
    async with running(closed / "data", durable=True) as url:
        await keep(url, "fig")
    assert mode_of(closed) == 0o700
    assert names_in(closed / "data") == {"embedded.lock", "lodging"}

    set_mode(closed, 0o755)
    async with running(closed / "data") as url:
        assert await ask(url, "SELECT word FROM kept") == "fig"


async def test_data_kept_elsewhere_follow_their_folder(closed: Path) -> None:
    async with running(closed / "data", durable=True) as url:
        await keep(url, "date")
    shutil.copytree(closed / "data", closed / "copied", symlinks=True)
    async with running(closed / "copied") as url:
        assert await ask(url, "SELECT to_regclass('kept')") is None

    move(closed / "data", closed / "moved")
    async with running(closed / "moved", durable=True) as url:
        assert await ask(url, "SELECT word FROM kept") == "date"

    shutil.rmtree(closed / "moved")
    async with running(closed / "moved") as url:
        assert await ask(url, "SELECT to_regclass('kept')") is None


async def test_binaries_in_a_closed_folder_are_copied(folder: Path, closed: Path) -> None:
    for part in (WHEEL, f"{WHEEL}.libs"):
        (closed / part).symlink_to(PACKAGES / part)
    copy = LODGE / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    was_there = exists(copy)  # then somebody needs it

    try:
        async with other_process("serve", folder / "data", path=closed) as owner:
            assert (await owner.says()).startswith("postgresql://")
            assert program(postmaster(folder / "data")).is_relative_to(copy)
            assert await owner.end(signal.SIGTERM) == 0
        assert mode_of(closed) == 0o700
    finally:
        if not was_there:
            shutil.rmtree(copy, ignore_errors=True)
