"""What is served at which address."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from graphql_api import health
from graphql_api.endpoints import Endpoints
from graphql_api.metrics import Page
from graphql_api.request_log import RequestLog
from graphql_api.responses import internal_error, misdirected
from graphql_api.tracker_script import script

_STATIC = Path(__file__).parent / "static"


def site(
    endpoints: Endpoints,
    problems: health.Problems,
    metrics: Page | None,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
) -> Starlette:
    return Starlette(
        lifespan=lifespan,
        middleware=[
            Middleware(RequestLog, on_answer=endpoints.answered),
            Middleware(ExceptionMiddleware, handlers={Exception: internal_error}),
        ],
        exception_handlers={HTTPException: misdirected},
        routes=[
            Route("/graphql", endpoints.graphql, methods=["GET", "POST", "OPTIONS"]),
            WebSocketRoute("/graphql", endpoints.talk),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready(problems)),
            *([] if metrics is None else [Route("/metrics", metrics)]),
            Route("/tracker.js", script(_STATIC / "tracker.js")),
            Route("/tracker.d.ts", script(_STATIC / "tracker.d.ts")),
            Mount("/static", StaticFiles(directory=_STATIC)),
        ],
    )
