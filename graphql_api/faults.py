"""What a client hears of an error: a code from a closed list, and nothing of how we are made."""

import logging
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from domain.access import Forbidden, Throttled, Unauthenticated
from domain.errors import BadRequest, DomainError, Invalid, TookTooLong, Unavailable
from graphql_api.limits import CostLimitPassed, LimitPassed
from graphql_api.logs import request_id
from graphql_api.types.scalars import MalformedValue
from graphql_api.types.user_error import camel_case

logger = logging.getLogger(__name__)


class FaultCode(StrEnum):
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    BAD_USER_INPUT = "BAD_USER_INPUT"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    COST_LIMIT_EXCEEDED = "COST_LIMIT_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    UNAVAILABLE = "UNAVAILABLE"
    TIMEOUT = "TIMEOUT"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


_CODES: dict[type[Exception], FaultCode] = {
    BadRequest: FaultCode.BAD_USER_INPUT,
    Unavailable: FaultCode.UNAVAILABLE,
    TookTooLong: FaultCode.TIMEOUT,
    Unauthenticated: FaultCode.UNAUTHENTICATED,
    Forbidden: FaultCode.FORBIDDEN,
    Throttled: FaultCode.RATE_LIMITED,
    CostLimitPassed: FaultCode.COST_LIMIT_EXCEEDED,
    LimitPassed: FaultCode.GRAPHQL_VALIDATION_FAILED,
}
_OUR_FAULT = "something went wrong on our side"


def reported(
    result: ExecutionResult, *, is_checked: bool, with_hints: bool
) -> list[dict[str, Any]]:
    """`is_checked`: the document was found right, it is not validation that refuses it. Without
    hints a wrong name is not answered with the right ones."""
    before = isinstance(result, PreExecutionError) and not is_checked
    return [
        fault(code, message if with_hints else message.partition(" Did you mean ")[0], error)
        for error in result.errors or ()
        for code, message in _described(error, before)
    ]


def fault(code: FaultCode, message: str, error: GraphQLError | None = None) -> dict[str, Any]:
    """As GraphQL writes an error down."""
    place = {} if error is None else dict(error.formatted)
    extensions = {"code": code, "requestId": request_id.get()}
    return place | {"message": message, "extensions": extensions}


def unforeseen(error: Exception) -> dict[str, Any]:
    """Ours alone: the log says what it was."""
    logger.error("unexpected fault", exc_info=error)
    return fault(FaultCode.INTERNAL_SERVER_ERROR, _OUR_FAULT)


def _described(error: GraphQLError, before_execution: bool) -> list[tuple[FaultCode, str]]:
    cause = cause_of(error)
    if isinstance(cause, Invalid):
        return [(FaultCode.BAD_USER_INPUT, _sentence(refusal)) for refusal in cause.refusals]
    if isinstance(cause, GraphQLError):
        return [(_code_of_graphql(cause, before_execution), error.message)]
    return [_of_ours(cause, error)]


def _code_of_graphql(error: GraphQLError, before_execution: bool) -> FaultCode:
    if isinstance(error, GraphQLSyntaxError):
        return FaultCode.GRAPHQL_PARSE_FAILED
    if before_execution:
        return FaultCode.GRAPHQL_VALIDATION_FAILED
    return FaultCode.BAD_USER_INPUT


def _of_ours(cause: Exception, error: GraphQLError) -> tuple[FaultCode, str]:
    for kind, code in _CODES.items():
        if isinstance(cause, kind):
            return code, str(cause)
    match cause:
        case DomainError():
            return FaultCode.BAD_USER_INPUT, _sentence(cause)
        case MalformedValue() if error.path is None:  # of a scalar's parser
            return FaultCode.BAD_USER_INPUT, error.message
        case ValueError() if error.path is None:  # an Int of thousands of digits; Python's words
            return FaultCode.BAD_USER_INPUT, "a value is malformed"
        case _:
            logger.error("unexpected fault", exc_info=cause)
            return FaultCode.INTERNAL_SERVER_ERROR, _OUR_FAULT


def cause_of(error: GraphQLError) -> Exception:
    while isinstance(error.original_error, GraphQLError):
        error = error.original_error
    return error.original_error or error


def _sentence(refusal: DomainError) -> str:
    place = ".".join(camel_case(refusal.path))
    return f"{place}: {refusal.message}" if place else refusal.message
