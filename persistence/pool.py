"""How busy the connections of a process are."""

from dataclasses import dataclass

from sqlalchemy.pool import QueuePool

from persistence.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    size: int
    checked_out: int
    waiting: int


def pool_use(database: Database) -> PoolUse:
    pool = database.engine.pool
    if not isinstance(pool, QueuePool):
        raise TypeError(f"{type(pool).__name__} is no pool of connections")
    return PoolUse(size=pool.size(), checked_out=pool.checkedout(), waiting=database.waiting)
