from collections.abc import Iterator

import strawberry
from graphql import GraphQLError, OperationDefinitionNode, build_schema
from strawberry.extensions import SchemaExtension
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from graphql_api.extensions import Permitted, Prepared
from graphql_api.mutations.root import Mutation
from graphql_api.permissions import Permissions
from graphql_api.queries import Query
from graphql_api.subscriptions import Subscription
from graphql_api.types.scalars import SCALARS
from graphql_api.types.user_error import USER_ERRORS


class _OneOperation(SchemaExtension):
    def on_parse(self) -> Iterator[None]:
        """Strawberry would run the first of several where the request names none."""
        yield
        asked = self.execution_context
        parts = asked.graphql_document.definitions if asked.graphql_document else ()
        operations = sum(isinstance(part, OperationDefinitionNode) for part in parts)
        if operations > 1 and asked._provided_operation_name is None:  # noqa: SLF001  # nowhere else
            raise GraphQLError("name one of the operations by operationName")


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Strawberry would log a traceback for every client's typo; faults.py logs our own."""

    def as_str(self) -> str:
        """Sorted. What runs is not: sorting makes new types, to which an enum is a mere text."""
        return print_schema(_make(StrawberryConfig(scalar_map=SCALARS, sort_schema=True)))


def _permitted() -> Permitted:
    return Permitted(permissions)


def _make(config: StrawberryConfig) -> _Schema:
    return _Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=USER_ERRORS,
        extensions=[Prepared, _OneOperation, _permitted],
        config=config,
    )


schema = _make(StrawberryConfig(scalar_map=SCALARS))
permissions = Permissions(build_schema(schema.as_str()))
