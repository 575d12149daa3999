from collections.abc import Iterator

from graphql import GraphQLError, get_operation_ast
from strawberry.extensions import SchemaExtension

from graphql_api.context import Context
from graphql_api.library import Entry, Library
from graphql_api.limits import LimitPassed
from graphql_api.permissions import Permissions


class Prepared(SchemaExtension):
    """Read, checked and paid for before anything is executed. Most documents the library knows."""

    def __init__(self) -> None:
        self._entry: Entry | None = None

    def _fine(self) -> None:
        context, text = self.execution_context.context, self.execution_context.query
        if isinstance(context, Context) and text:
            context.fine(text)

    @property
    def _library(self) -> Library | None:
        """None for whoever runs the schema without our context."""
        context = self.execution_context.context
        return context.edge.library if isinstance(context, Context) else None

    def on_parse(self) -> Iterator[None]:
        asked, library = self.execution_context, self._library
        if library is not None and asked.query:
            self._entry = library.known(asked.query)
            try:
                asked.graphql_document = library.document(asked.query)
            except GraphQLError:
                self._fine()
                raise
        yield

    def on_validate(self) -> Iterator[None]:
        asked, library = self.execution_context, self._library
        if self._entry is not None:
            asked.pre_execution_errors = []
        elif library is not None and asked.query and asked.graphql_document is not None:
            schema = asked.schema._schema  # noqa: SLF001  # it has no other name
            self._entry, faults = library.checked(schema, asked.query, asked.graphql_document)
            asked.pre_execution_errors = list(faults)
            if faults:
                self._fine()
        yield

    def on_execute(self) -> Iterator[None]:
        asked = self.execution_context
        context = asked.context
        if isinstance(context, Context) and self._entry is not None:
            context.operation = self._entry.operation(asked.operation_name)
            try:
                context.pay(self._entry.weight(asked.operation_name), asked.variables or {})
            except LimitPassed:
                self._fine()
                raise
        yield


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
