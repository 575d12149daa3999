"""How an operation is run and what is answered, whatever the request came by."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from graphql import GraphQLError, get_operation_ast
from graphql import OperationType as Kind
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from domain.access import Caller, Throttled
from domain.rates import UNCHARGED, Balance
from graphql_api.batches import ended_together
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.edge import Edge
from graphql_api.faults import FaultCode, cause_of, fault, reported
from graphql_api.persisted import NotPersisted, Persisted


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`is_request_error`: nothing was executed, the document or its variables were not right.
    `status`: of a refusal that HTTP has a status of its own for."""

    body: dict[str, Any]
    is_request_error: bool = False
    status: HTTPStatus | None = None
    retry_after: int | None = None

    @property
    def errors(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body.get("errors", [])
        return found

    @property
    def fields(self) -> int:
        """How many came back."""
        return _fields(self.body.get("data"))

    def encoded(self) -> bytes:
        return orjson.dumps(self.body)


class Operations:
    def __init__(
        self, schema: BaseSchema, edge: Edge, persisted: Persisted, *, is_open: bool
    ) -> None:
        self._schema = schema
        self._edge = edge
        self._persisted = persisted
        self._is_open = is_open

    def found(self, asked: Asked, caller: Caller | None, address: str) -> Asked:
        """With the text of its document. Raises NotPersisted, and Throttled for who has had too
        many documents refused."""
        self._edge.check(caller, address)
        return self._persisted.resolved(asked)

    def kind(self, asked: Asked) -> Kind | None:
        """None for what cannot be read: whoever runs it says what is wrong with it."""
        try:
            document = self._edge.library.document(asked.query)
        except GraphQLError:
            return None
        operation = get_operation_ast(document, asked.operation_name)
        return None if operation is None else operation.operation

    def is_subscription(self, asked: Asked) -> bool:
        return self.kind(asked) is Kind.SUBSCRIPTION

    async def run(
        self, asked: Asked, context: Context, allowed: Collection[OperationType]
    ) -> Answer:
        answer = await self._run(asked, context, allowed)
        if asked.shows_cost:
            answer.body["extensions"] = cost_shown(answer.fields, context.balance)
        return answer

    async def _run(
        self, asked: Asked, context: Context, allowed: Collection[OperationType]
    ) -> Answer:
        seconds = self._edge.bounds.operation_time
        try:
            async with asyncio.timeout(seconds):
                with ended_together():
                    result = await self._schema.execute(
                        asked.query,
                        asked.variables,
                        context,
                        operation_name=asked.operation_name,
                        allowed_operation_types=allowed,
                    )
        except CannotGetOperationTypeError as refusal:
            context.fine(asked.query)
            return _refused(HTTPStatus.BAD_REQUEST, refusal.as_http_error_reason())
        except InvalidOperationTypeError as refusal:
            context.fine(asked.query)
            return _refused(*_misplaced(refusal.operation_type))
        except TimeoutError:
            message = f"the operation took longer than {seconds} s"
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, message, FaultCode.TIMEOUT)
        return self._answer(result, context)

    async def stream(self, asked: Asked, context: Context) -> AsyncGenerator[Answer]:
        """Of a subscription."""
        results = await self._schema.subscribe(
            asked.query, asked.variables, context, operation_name=asked.operation_name
        )
        try:
            async with aclosing(results):
                async for result in results:
                    yield self._answer(result, context)
        except GraphQLError as error:  # of one of our extensions, before execution
            yield self._answer(PreExecutionError(data=None, errors=[error]), context)

    def _answer(self, result: ExecutionResult, context: Context) -> Answer:
        is_checked = context.operation is not None
        errors = reported(result, is_checked=is_checked, with_hints=self._is_open)
        body: dict[str, Any] = {"errors": errors} if errors else {}
        is_request_error = _is_request_error(result)
        if not is_request_error:
            body["data"] = result.data
        causes = map(cause_of, result.errors or ())
        waits = [each.retry_after for each in causes if isinstance(each, Throttled)]
        return Answer(
            body=body, is_request_error=is_request_error, retry_after=max(waits, default=None)
        )


def cost_shown(fields: int, balance: Balance) -> dict[str, dict[str, int | None]]:
    """Of what was refused before it was looked at, it is not known what is left."""
    remaining = None if balance is UNCHARGED else balance.remaining
    return {"cost": {"requested": balance.charged, "actual": fields, "remaining": remaining}}


def turned_away(refusal: NotPersisted | Throttled, asked: Asked) -> Answer:
    if isinstance(refusal, NotPersisted):
        code, retry_after = refusal.code, None
    else:
        code, retry_after = FaultCode.RATE_LIMITED, refusal.retry_after
    body: dict[str, Any] = {"errors": [fault(code, str(refusal))]}
    if asked.shows_cost:
        body["extensions"] = cost_shown(0, UNCHARGED)
    return Answer(body=body, is_request_error=True, retry_after=retry_after)


def _fields(value: object) -> int:
    """How many fields an answer has."""
    found, waiting = 0, [value]
    while waiting:
        match waiting.pop():
            case dict() as fields:
                found += len(fields)
                waiting.extend(fields.values())
            case list() as entries:
                waiting.extend(entries)
            case _:
                continue
    return found


def _is_request_error(result: ExecutionResult) -> bool:
    if isinstance(result, PreExecutionError):
        return True
    return result.data is None and all(error.path is None for error in result.errors or ())


def _misplaced(operation: OperationType) -> tuple[HTTPStatus, str]:
    if operation is OperationType.SUBSCRIPTION:
        message = "subscribe over WebSocket (graphql-transport-ws), or accept text/event-stream"
        return HTTPStatus.BAD_REQUEST, message
    return HTTPStatus.METHOD_NOT_ALLOWED, f"send a {operation.value} by POST"


def _refused(
    status: HTTPStatus, message: str, code: FaultCode = FaultCode.BAD_USER_INPUT
) -> Answer:
    return Answer(body={"errors": [fault(code, message)]}, is_request_error=True, status=status)
