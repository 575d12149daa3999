"""Who is asking: worked out once for a request, before anything is read of what is asked."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from domain.access import Caller, Forbidden, Unauthenticated
from domain.authentication import Authentication
from domain.errors import Unavailable
from graphql_api.bearer import token_of
from graphql_api.faults import FaultCode
from graphql_api.origins import check_origin, foreign_origin, preflight, shared_with
from graphql_api.responses import refused

Answer = Callable[[Request], Awaitable[Response]]


class Guard:
    def __init__(self, authentication: Authentication, answer: Answer) -> None:
        self._authentication = authentication
        self._answer = answer

    async def answer(self, request: Request) -> Response:
        origin = foreign_origin(request)
        try:
            if request.method == "OPTIONS":
                return await preflight(request, self._authentication)
            caller = await self._caller(request.headers.get("authorization"))
            check_origin(origin, caller)
        except Unauthenticated as fault:
            return _refused(HTTPStatus.UNAUTHORIZED, FaultCode.UNAUTHENTICATED, fault)
        except Forbidden as fault:
            return _refused(HTTPStatus.FORBIDDEN, FaultCode.FORBIDDEN, fault)
        except Unavailable as fault:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, FaultCode.UNAVAILABLE, fault)
        request.state.caller = caller
        response = await self._answer(request)
        response.headers.update(shared_with(origin))
        return response

    async def _caller(self, authorization: str | None) -> Caller | None:
        token = token_of(authorization)
        return None if token is None else await self._authentication.caller(token)


def _refused(status: HTTPStatus, code: FaultCode, fault: Exception) -> Response:
    """Of what was not allowed to ask, no page of another origin reads the answer."""
    response = refused(status, code, str(fault))
    response.headers.update(shared_with(None))
    return response
