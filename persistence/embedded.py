"""The supervisor of the embedded PostgreSQL: who owns it, and from when to when."""

import asyncio
import logging
import os
import time
from pathlib import Path
from urllib.parse import quote

import asyncpg

from domain.errors import StartFault
from persistence.cluster import (
    PORT,
    ROLE,
    Cluster,
    data_folder,
    open_private,
    refuse_other_major,
    socket_folder,
    try_lock,
)
from persistence.placement import place, settled_home
from persistence.programs import PostgresUnusable
from persistence.server import ensure_running, halt, heal, is_ready, provide_database

logger = logging.getLogger(__name__)

PATIENCE = 120.0  # seconds, for the owner's start
PAUSE = 0.05
WATCH_INTERVAL = 0.5
FAULTS = (PostgresUnusable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class EmbeddedPostgresError(StartFault):
    pass


class EmbeddedPostgres:
    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self._data_dir = Path(os.path.realpath(data_dir))
        self._durable = durable
        self._lock: int | None = None
        self._cluster: Cluster | None = None  # while it is ours
        self._watcher: asyncio.Task[None] | None = None

    async def start(self, *, share: bool = False) -> str:
        """The URL of the database. Who shares waits for the owner, or becomes it."""
        try:
            home = await (self._share() if share else self._own())
        except FAULTS as fault:
            await self.stop()
            raise EmbeddedPostgresError(self._in_words(fault)) from fault
        except BaseException:
            await self.stop()
            raise
        return f"postgresql://{ROLE}@/{ROLE}?host={quote(str(socket_folder(home)))}&port={PORT}"

    async def watch(self) -> None:
        """Starts a server that died again, until cancelled; has nothing to do when sharing."""
        self._watcher = asyncio.current_task()
        try:
            while cluster := self._cluster:
                await asyncio.sleep(WATCH_INTERVAL)
                try:
                    await heal(cluster)
                except FAULTS as fault:
                    logger.error("%s", self._in_words(fault))
        finally:
            self._watcher = None

    async def stop(self) -> None:
        """Ends the server where it is ours, in less than five seconds."""
        cluster, self._cluster = self._cluster, None
        watcher, self._watcher = self._watcher, None
        try:
            if watcher and not watcher.done():
                watcher.cancel()
                await asyncio.wait([watcher])
            if cluster:
                await halt(cluster)
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    async def _share(self) -> Path:
        deadline = time.monotonic() + PATIENCE
        while not self._take_lock():
            home = settled_home(self._data_dir)
            if home and await is_ready(home):
                return home
            if time.monotonic() > deadline:
                raise PostgresUnusable(
                    f"the abgraph that owns {self._data_dir} has had no database ready "
                    f"for {PATIENCE:.0f} seconds"
                )
            await asyncio.sleep(PAUSE)
        return await self._own()

    async def _own(self) -> Path:
        if not self._take_lock():
            raise PostgresUnusable(
                f"{self._data_dir} is in use by another abgraph: stop that one, "
                "or use another ABGRAPH_DATA_DIR"
            )
        refuse_other_major(self._data_dir)
        cluster = Cluster(placement=await place(self._data_dir), durable=self._durable)
        refuse_other_major(data_folder(cluster.home))
        await cluster.create_if_missing()
        cluster.configure()
        self._cluster = cluster
        await ensure_running(cluster)
        await provide_database(cluster)
        return cluster.home

    def _take_lock(self) -> bool:
        if self._lock is not None:
            return True
        if not self._data_dir.exists():
            self._data_dir.mkdir(parents=True)
            self._data_dir.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = open_private(self._data_dir / "embedded.lock")
        if try_lock(lock):
            self._lock = lock
        else:
            os.close(lock)
        return self._lock is not None

    def _in_words(self, fault: Exception) -> str:
        match fault:
            case PostgresUnusable():
                return str(fault)
            case OSError(strerror=str(reason), filename=path):
                where = f" ({path})" if path else ""
                return f"the data folder {self._data_dir} cannot be used: {reason}{where}"
            case _:
                return (
                    f"PostgreSQL in {self._data_dir} failed: {str(fault) or type(fault).__name__}"
                )
