"""Is the server alive, and is it ready for work?"""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Problems = Callable[[], Awaitable[Sequence[str]]]


async def alive(_: Request) -> Response:
    return JSONResponse({"status": "alive"})


def ready(problems: Problems) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        found = await problems()
        if found:
            body = {"status": "not ready", "problems": list(found)}
            return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE)
        return JSONResponse({"status": "ready"})

    return answer
