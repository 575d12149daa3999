"""What PostgreSQL itself says about the tables of a database."""

from asyncpg import Connection

Catalogue = dict[str, dict[str, str]]

COLUMNS = """
SELECT format('%s.%s', attrelid::regclass, attname),
       format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
  FROM pg_attribute
  JOIN pg_class ON pg_class.oid = attrelid AND relkind = 'r'
 WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
   AND attnum > 0 AND NOT attisdropped
"""
DEFAULTS = """
SELECT format('%s.%s', attrelid::regclass, attname), pg_get_expr(adbin, adrelid)
  FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
 WHERE NOT attisdropped
"""
CONSTRAINTS = """
SELECT conname, format('%s %s', conrelid::regclass, pg_get_constraintdef(pg_constraint.oid))
  FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
 WHERE relnamespace = 'public'::regnamespace AND relname <> 'alembic_version' AND contype <> 'n'
"""
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
 WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
ENUMS = """
SELECT enumtypid::regtype::text, string_agg(enumlabel, ' ' ORDER BY enumsortorder)
  FROM pg_enum GROUP BY 1
"""
QUESTIONS = {
    "columns": COLUMNS,
    "defaults": DEFAULTS,
    "constraints": CONSTRAINTS,
    "indexes": INDEXES,
    "enums": ENUMS,
}


async def catalogue(connection: Connection) -> Catalogue:
    return {
        name: {record[0]: record[1] for record in await connection.fetch(question)}
        for name, question in QUESTIONS.items()
    }
