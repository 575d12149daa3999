from collections import OrderedDict
from collections.abc import Iterator

from graphql import DocumentNode, get_operation_ast
from strawberry.extensions import SchemaExtension

from graphql_api.context import Context
from graphql_api.permissions import Permissions

_REMEMBERED = 1_000  # documents
_REMEMBERED_TEXT = 10_000  # characters


class Documents:
    """The last documents that were found to be right, parsed. Reading and checking one takes longer
    than answering most."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, DocumentNode] = OrderedDict()

    def known(self, text: str) -> DocumentNode | None:
        found = self._known.get(text)
        if found is not None:
            self._known.move_to_end(text)
        return found

    def remember(self, text: str, document: DocumentNode) -> None:
        if len(text) <= _REMEMBERED_TEXT:
            self._known[text] = document
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)


class Remembered(SchemaExtension):
    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._is_known = False

    def on_parse(self) -> Iterator[None]:
        asked = self.execution_context
        known = self._documents.known(asked.query or "")
        if known is not None:
            asked.graphql_document, self._is_known = known, True
        yield

    def on_validate(self) -> Iterator[None]:
        asked = self.execution_context
        if self._is_known:
            asked.pre_execution_errors = []
        yield
        if asked.query and asked.graphql_document and asked.pre_execution_errors == []:
            self._documents.remember(asked.query, asked.graphql_document)


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
