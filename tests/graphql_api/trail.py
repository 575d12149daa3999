"""Mutations sent by their name, and the lines that they leave in the audit."""

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType, build_schema
from sqlalchemy import select

from domain.audit import AuditEntry
from graphql_api.schema import schema
from persistence.engine import Database
from persistence.models import AUDIT
from tests.graphql_api.conftest import Graph

EXPORTED = build_schema(schema.as_str())
ROOT = EXPORTED.type_map["Mutation"]
assert isinstance(ROOT, GraphQLObjectType)
FIELDS = ROOT.fields


async def entries(database: Database) -> Sequence[AuditEntry]:
    """The eldest first."""
    return AUDIT.read(await database.rows(select(*AUDIT.columns).order_by(AUDIT.table.c.id)))


async def sent(graph: Graph, mutation: str, input: dict[str, Any]) -> dict[str, Any]:
    arguments = FIELDS[mutation].args
    kind = arguments["input"].type if arguments else None
    document = (
        f"mutation($input: {kind}) {{ {mutation}(input: $input) {{ errors {{ code }} }} }}"
        if kind
        else f"mutation {{ {mutation} {{ errors {{ code }} }} }}"
    )
    body: dict[str, Any] = (await graph.send(document, input=input)).json()
    return body
