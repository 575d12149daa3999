"""The programs of PostgreSQL, run as the OS user they belong to."""

import asyncio
import contextlib
import os
import pwd
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # no PG* and no locale of the caller's


class PostgresUnusable(Exception):
    pass


async def execute(account: pwd.struct_passwd, *command: Path | str) -> tuple[int, str]:
    """Runs it as that OS user; the exit status, and all that was said."""
    process = await _spawned(account, *command, output=subprocess.PIPE, environment={})
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise
    return await process.wait(), said.decode(errors="replace")


async def launch(
    account: pwd.struct_passwd, *command: Path | str, output: int, environment: Mapping[str, str]
) -> None:
    """Leaves it running by itself: a child of ours would be killed with the event loop."""
    detached = ("/bin/sh", "-c", '"$@" &', "sh", *command)
    process = await _spawned(account, *detached, output=output, environment=environment)
    await process.wait()


async def _spawned(
    account: pwd.struct_passwd, *command: Path | str, output: int, environment: Mapping[str, str]
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={**ENVIRONMENT, **environment},
            start_new_session=True,  # Ctrl-C in the terminal is for us, not for PostgreSQL
            preexec_fn=_becoming(account),  # uvloop has no user=
        )
    except subprocess.SubprocessError as fault:
        raise PostgresUnusable(f"cannot run PostgreSQL as OS user {account.pw_name}") from fault


def _becoming(account: pwd.struct_passwd) -> Callable[[], None] | None:
    if account.pw_uid == os.geteuid():
        return None

    def become() -> None:
        os.setgroups([account.pw_gid])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)

    return become
