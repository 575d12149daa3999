"""/tracker.js: compressed once, at the start, and kept by browsers for an hour."""

import gzip
import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_HEADERS = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=3600",
    "Vary": "Accept-Encoding",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}


def script(path: Path) -> Callable[[Request], Awaitable[Response]]:
    text = path.read_bytes()
    packed = gzip.compress(text, mtime=0)
    tag = hashlib.sha256(text).hexdigest()[:32]

    async def answer(request: Request) -> Response:
        is_packed = "gzip" in request.headers.get("accept-encoding", "")
        etag = f'"{tag}-gzip"' if is_packed else f'"{tag}"'
        headers = _HEADERS | {"ETag": etag}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        return Response(packed if is_packed else text, headers=headers)

    return answer
