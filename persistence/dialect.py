"""PostgreSQL on asyncpg, as SQLAlchemy is to speak to it."""

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

NAME = "postgresql+abgraph"


class Dialect(PGDialect_asyncpg):
    """Leaves JSON as the text it arrives as: a model parses it where it makes the entity."""

    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: object) -> None:
        pass

    async def setup_asyncpg_jsonb_codec(self, conn: object) -> None:
        pass


registry.register("postgresql.abgraph", __name__, "Dialect")
