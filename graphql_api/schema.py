import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from graphql_api.mutations.root import Mutation
from graphql_api.queries import Query
from graphql_api.types.scalars import SCALARS
from graphql_api.types.user_error import USER_ERRORS


class _Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Strawberry would log a traceback for every client's typo; faults.py logs our own."""


schema = _Schema(
    query=Query,
    mutation=Mutation,
    types=USER_ERRORS,
    config=StrawberryConfig(scalar_map=SCALARS, sort_schema=True),
)
