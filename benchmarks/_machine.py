"""On what something was measured."""

import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg

_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")
_PAGE = bytes(8192)


async def machine(connection: "asyncpg.Connection[Any]") -> dict[str, object]:
    settings = {name: await connection.fetchval(f"SHOW {name}") for name in _SETTINGS}
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "postgresql": (await connection.fetchval("SHOW server_version")).partition(" ")[0],
        **settings,
        "fdatasync_ms": _fdatasync(),
    }


def in_words(known: dict[str, object]) -> str:
    settings = ", ".join(f"{name} {known[name]}" for name in _SETTINGS)
    return (
        f"on {known['cores']} cores of {known['cpu']} (load {known['load_before']} before), "
        f"Python {known['python']}, PostgreSQL {known['postgresql']} with {settings}; "
        f"fdatasync takes {known['fdatasync_ms']} ms"
    )


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else ():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _fdatasync() -> float:
    """Of one page, where the database's folder is made too."""
    times = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            file.write(_PAGE)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - start)
    return round(1000 * median(times), 3)
