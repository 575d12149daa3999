from collections.abc import Iterator

from graphql import get_operation_ast
from strawberry.extensions import SchemaExtension

from graphql_api.context import Context
from graphql_api.permissions import Permissions


class Permitted(SchemaExtension):
    """Nothing of an operation is executed before all of it is allowed."""

    def __init__(self, permissions: Permissions) -> None:
        self._permissions = permissions

    def on_execute(self) -> Iterator[None]:
        execution = self.execution_context
        context, document = execution.context, execution.graphql_document
        caller = context.known if isinstance(context, Context) else None
        if document is not None:
            operation = get_operation_ast(document, execution.operation_name)
            if operation is not None:
                self._permissions.check(document, operation, caller)
        yield
