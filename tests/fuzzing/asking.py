"""Requests over HTTP that are somewhat wrong, byte by byte as they go out; and their answers."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import quote_from_bytes

from tests.fuzzing.answers import Answered
from tests.fuzzing.corpus import PAYLOADS
from tests.fuzzing.mutating import Mutator
from tests.live.conftest import PATIENCE, SERVER_KEY

_FEW = 0.3  # seconds: what was sent may be the beginning of a request, and nobody answers that
_METHODS = ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "post", "P\0ST", "")
_PATHS = (
    "/graphql/", "//graphql", "/graphql/../graphql", "/%67raphql", "/graphql?", "/graphql#a", "*",
    "/",
    "http://else.example/graphql", "/graphql%00", "/graphql?query=%",
    "/graphql?query=%ff&query=%7B",
    "/graphql?extensions=[", "/graphql?variables=%7B%22a%22%3A1e999%7D", "graphql", "/\xff",
    "/graphql?" + "a" * 9_000,
)  # fmt: skip
_VALUES: Mapping[str, tuple[str, ...]] = {
    "Content-Type": (
        "", "text/plain", "application/json; charset=utf-16", "application/json; charset=\xff",
        "a/b/c",
        "application/json; charset*=utf-16''x",
        'application/json; charset="', "multipart/form-data",
        "application/json;" * 50, "APPLICATION/JSON", "application/json\tx",
        "application/graphql+json",
    ),
    "Accept": (
        "", "*/*", "text/html", "application/*;q=0", "text/event-stream", "image/png", ",,,;;;",
        "\xff",
        "application/graphql-response+json", "text/event-stream, application/json", "a" * 5_000,
        "application/json;q=banana", "application/graphql-response+json, text/event-stream;q=0.1",
    ),
    "Authorization": (
        "", "Bearer", "Bearer ", "Basic YTpi", "bearer x", "Bearer \xff\xfe", "Bearer abs_x",
        f"Bearer  {SERVER_KEY}",
        "Bearer " + "x" * 4_000, f"Bearer {SERVER_KEY}, Bearer {SERVER_KEY}", "Bearer a\0b",
    ),
    "Content-Length": ("0", "1", "5", "-1", "1e3", "99999999999999999999", "7, 7", "0x10", ""),
    "Content-Encoding": ("gzip", "br", "identity", "x" * 200),
    "Transfer-Encoding": ("chunked", "gzip, chunked", "identity", "Chunked, x"),
    "Accept-Encoding": ("gzip;q=-1", "*", "\xff"),
    "Accept-Charset": ("utf-16", "*;q=0"),
    "Origin": ("null", "https://else.example", "[", "http://[::1", "\xff", "file://",
        "http://a:99999999"),
    "Host": ("", "a b", "[", "\xff", "x" * 4_000, "else.example:x"),
    "Expect": ("100-continue", "200-ok"),
    "Upgrade": ("websocket", "h2c", "\xff"),
    "Connection": ("Upgrade", "keep-alive", "close, Upgrade", "x"),
    "Sec-WebSocket-Version": ("13", "99", "x"),
    "Sec-WebSocket-Key": ("dGhlIHNhbXBsZSBub25jZQ==", "x", ""),
    "X-Forwarded-For": ("x", "1.2.3.4, [::", "\xff"),
    "X-Request-Id": ("\xff", "x" * 1_000, "a b", "$(id)"),
    "X-GraphQL-Cost": ("1", "", "\xff"),
    "Access-Control-Request-Method": ("POST", "\xff"),
    "Cookie": ("a=b; c", "\xff"),
    "Last-Event-ID": ("5", "\xff"),
    "Bad Header": ("x",),
    "": ("x",),
    "A\0": ("b\nc",),
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    text: bytes
    is_head: bool
    is_whole: bool  # else nobody can tell what the server waits for


class Asker:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._mutator = Mutator(random)

    def request(self) -> Request:
        payload = self._random.choice(PAYLOADS)
        method, path, body = "POST", "/graphql", b""
        if self._random.random() < 0.2:
            method, path = "GET", self._url(payload)
        else:
            body = self._mutator.encoded(payload)
        if self._random.random() < 0.05:
            method = self._random.choice(_METHODS)
        if self._random.random() < 0.05:
            path = self._random.choice(_PATHS)
        headers = self._headers(len(body))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        start = f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1")
        damaged = self._random.random() < 0.03
        text = (self._mutator.damaged(start) if damaged else start) + body
        changed = {name for name, _ in headers} & {"Content-Length", "Transfer-Encoding", "Upgrade"}
        is_whole = not damaged and changed <= {"Content-Length"}
        length = [value for name, value in headers if name == "Content-Length"]
        return Request(text, method == "HEAD", is_whole and length == [str(len(body))])

    def _url(self, payload: Mapping[str, object]) -> str:
        parts = {
            name: value.encode() if isinstance(value, str) else json.dumps(value).encode()
            for name, value in payload.items()
        }
        for name in parts:
            if self._random.random() < 0.3:
                parts[name] = self._mutator.damaged(parts[name])
        return "/graphql?" + "&".join(f"{name}={quote_from_bytes(parts[name])}" for name in parts)

    def _headers(self, length: int) -> list[tuple[str, str]]:
        headers = {
            "Host": "abgraph.example",
            "Authorization": f"Bearer {SERVER_KEY}",
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json",
            "Content-Length": str(length),
            "Connection": "close",
        }
        found = list(headers.items())
        for _ in range(self._random.choice((0, 0, 0, 1, 1, 2))):
            name = self._random.choice(list(_VALUES))
            value = self._random.choice(_VALUES[name])
            if name in headers and self._random.random() < 0.8:
                found = [(each, value if each == name else had) for each, had in found]
            else:
                found.append((name, value))
        if self._random.random() < 0.05:
            del found[self._random.randrange(len(found))]
        return found


async def answered(port: int, request: Request) -> Answered | None:
    """None where the server has ended the connection, or waits for more than was sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        writer.write(request.text)
        async with asyncio.timeout(PATIENCE if request.is_whole else _FEW):
            return await _read(reader, is_head=request.is_head)
    except (ConnectionError, EOFError):
        return None
    except TimeoutError:
        assert not request.is_whole, request
        return None
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader, *, is_head: bool) -> Answered:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)
    }
    status = int(first.split()[1])
    if status == 100:
        return await _read(reader, is_head=is_head)
    body = b""
    if is_head or status == 101:
        pass
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif headers.get("content-type", "").startswith("text/event-stream"):
        body = await reader.readuntil(b"\n\n")  # of how many may come, the first
    else:
        body = await reader.read()
    return Answered(status, headers, body)
