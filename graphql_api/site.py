"""What is served at which address."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from graphql_api import health
from graphql_api.request_log import RequestLog
from graphql_api.responses import internal_error, misdirected
from graphql_api.tracker_script import script

_STATIC = Path(__file__).parent / "static"


def site(
    graphql: Callable[[Request], Awaitable[Response]],
    talk: Callable[[WebSocket], Awaitable[None]],
    problems: health.Problems,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
) -> Starlette:
    return Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog),
            Middleware(ExceptionMiddleware, handlers={Exception: internal_error}),
        ],
        exception_handlers={HTTPException: misdirected},
        routes=[
            Route("/graphql", graphql, methods=["GET", "POST", "OPTIONS"]),
            WebSocketRoute("/graphql", talk),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready(problems)),
            Route("/tracker.js", script(_STATIC / "tracker.js")),
            Route("/tracker.d.ts", script(_STATIC / "tracker.d.ts")),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
    )
