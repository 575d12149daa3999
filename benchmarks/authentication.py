"""What it costs to know who is asking, and that they may: per request, on a key that is known.

The guard is measured around an answer that does nothing, and that answer is taken off; what a
document needs is looked up as the schema does it for every operation.
"""

import argparse
import gc
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

import uvloop
from click import echo
from graphql import get_operation_ast, parse
from starlette.requests import Request
from starlette.responses import Response

from domain.authentication import Authentication, Credential
from domain.ids import NIL, ProjectId
from domain.tokens import new_key
from graphql_api.guard import Guard
from graphql_api.schema import permissions
from tests.factories import make_caller
from tests.fake_people import FakeCredentials

BAR = 20.0
CALLS = 2000
KEY = new_key()
CALLER = make_caller(ProjectId(NIL))
DOCUMENTS = {
    "a tracker's": "{ activeExperiments(url: $url) { name hashSeed variants { name content } } }",
    "a nested one": """
        { experiments(first: 50) { totalCount pageInfo { endCursor } nodes {
            id name description status phases { number weights }
            variants { id name trafficWeight assignments(first: 10) { nodes { userId } } } } } }
    """,
}
CALL = "Authentication.caller"
GUARD = "Guard, around nothing"
CHECK = "Permissions.check of {} document"

Way = Callable[[], Awaitable[object]]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks authentication", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--rounds", type=int, default=100)
    chosen = parser.parse_args(arguments)
    medians = uvloop.run(_measured(chosen.rounds))
    checks = max(medians[CHECK.format(name)] for name in DOCUMENTS)
    whole = round(medians[GUARD] + checks, 2)
    for name, microseconds in medians.items():
        echo(f"{name:44}{microseconds:8.2f} µs")
    echo(f"{'Guard and the dearest check':44}{whole:8.2f} µs")
    echo(f"medians of {chosen.rounds} rounds of {CALLS}; a request may take {BAR:g} µs")
    if chosen.json:
        echo(json.dumps({"microseconds_per_request": whole, "bar": BAR, "parts": medians}))


async def _measured(rounds: int) -> Mapping[str, float]:
    ways = _ways()
    nothing = ways.pop("nothing")
    times: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    for _ in range(rounds):
        idle = await _timed(nothing)
        for name, way in ways.items():
            times[name].append(await _timed(way) - (idle if name == GUARD else 0.0))
    return {name: round(median(each) * 1e6 / CALLS, 2) for name, each in times.items()}


async def _timed(way: Way) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        await way()
    return time.perf_counter() - start


def _ways() -> dict[str, Way]:
    used = datetime.now(UTC)
    known = Credential(caller=CALLER, expires_at=None, last_used_at=used)
    store = FakeCredentials(keys={KEY.hash: known})
    authentication = Authentication(store, lambda: datetime.now(UTC), lambda: 0.0)
    guard = Guard(authentication, _answer)

    async def called() -> object:
        return await authentication.caller(KEY.text)

    async def guarded() -> object:
        return await guard.answer(_request())

    async def unguarded() -> object:
        return await _answer(_request())

    checks = {CHECK.format(name): _check(text) for name, text in DOCUMENTS.items()}
    return {"nothing": unguarded, CALL: called, GUARD: guarded} | checks


def _check(text: str) -> Way:
    document = parse(text)
    operation = get_operation_ast(document)
    if operation is None:
        raise SystemExit(f"{text} is no operation")

    async def checked() -> None:
        permissions.check(document, operation, CALLER)

    return checked


async def _answer(_: Request) -> Response:
    return Response()


def _request() -> Request:
    """As uvicorn hands it on."""
    headers = [
        (b"host", b"abgraph.example"),
        (b"user-agent", b"curl/8"),
        (b"accept", b"application/json"),
        (b"content-type", b"application/json"),
        (b"content-length", b"2"),
        (b"authorization", f"Bearer {KEY.text}".encode()),
    ]
    return Request({"type": "http", "method": "POST", "headers": headers, "path": "/graphql"})
