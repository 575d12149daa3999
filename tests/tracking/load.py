"""Callers of a server over raw sockets: an HTTP client would take most of the time itself."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias
from uuid import UUID

import asyncpg
import orjson

from tests.graphql_api.serving import KEY

Kind: TypeAlias = Literal["assign", "track", "convert"]

_HEAD = (
    "POST /graphql HTTP/1.1\r\nHost: abgraph\r\nContent-Type: application/json\r\n"
    f"Authorization: Bearer {KEY}\r\nContent-Length: %d\r\n\r\n"
)
_LENGTH = re.compile(rb"content-length: (\d+)")
_SAID: dict[Kind, str] = {
    "assign": "reason variant { name } errors { code }",
    "convert": "recorded errors { code }",
    "track": "recorded errors { code }",
}
CREATE = """
    mutation ($name: String!) {
      experimentCreate(input: { name: $name,
        variants: [{ name: "control", isControl: true }, { name: "other" }],
        metrics: [
          { name: "buyers", eventType: "conversion", aggregation: BINARY, role: PRIMARY }
          { name: "revenue", eventType: "purchase", aggregation: SUM }
          { name: "capped", eventType: "purchase", aggregation: MEAN, capHigh: 40 }
          { name: "visits", eventType: "visit", aggregation: COUNT }
        ] }) { errors { code message } }
      experimentStart(input: { experiment: { name: $name } }) { errors { code message } }
    }
"""


class Unanswered(Exception):
    """The connection broke: nobody knows what became of the call."""


@dataclass(frozen=True)
class Call:
    """One request; of one item it is asked alone, of several as a batch."""

    kind: Kind
    items: Sequence[dict[str, Any]]

    @cached_property
    def body(self) -> bytes:
        kind, said = self.kind, _SAID[self.kind]
        type_ = f"{kind.capitalize()}Input!"
        if len(self.items) == 1:
            query = f"mutation ($i: {type_}) {{ told: {kind}(input: $i) {{ {said} }} }}"
            return written(query, i=self.items[0])
        batch = f"told: {kind}Batch(input: $i) {{ results {{ {said} }} }}"
        return written(f"mutation ($i: [{type_}]!) {{ {batch} }}", i=self.items)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: dict[str, Any]
    seconds: float

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", ())]

    @property
    def told(self) -> list[dict[str, Any]]:
        """Item by item."""
        assert self.status == 200, self
        assert "errors" not in self.body, self
        told = self.body["data"]["told"]
        results: list[dict[str, Any]] = told.get("results", [told])
        return results


class Line:
    """A connection that is kept open, and made anew after it broke."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._address = host, int(port)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes) -> Answer:
        """Raises Unanswered."""
        began = time.monotonic()
        try:
            head, content = await self._exchanged(body)
        except (OSError, EOFError) as fault:
            await self.close()
            raise Unanswered from fault
        if b"connection: close" in head:
            await self.close()
        seconds = time.monotonic() - began
        return Answer(int(head[9:12]), orjson.loads(content), seconds)

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams:
            streams[1].transport.abort()

    async def _exchanged(self, body: bytes) -> tuple[bytes, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address)
        reader, writer = self._streams
        writer.write((_HEAD % len(body)).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        assert found, head
        return head, await reader.readexactly(int(found[1]))


@asynccontextmanager
async def lines(count: int, *urls: str) -> AsyncIterator[list[Line]]:
    """To each server in turn."""
    made = [Line(urls[number % len(urls)]) for number in range(count)]
    try:
        yield made
    finally:
        for line in made:
            await line.close()


async def asked(line: Line, calls: Sequence[Call], patience: int) -> list[tuple[Call, Answer]]:
    """One after the other."""
    told = []
    for call in calls:
        answer = await line.ask(call.body)
        for _ in range(patience):
            if answer.status != 503:
                break
            answer = await line.ask(call.body)
        told.append((call, answer))
    return told


async def shared_out(
    callers: Sequence[Line], calls: Sequence[Call], *, patience: int = 0
) -> list[tuple[Call, Answer]]:
    """All callers at once, each with its share; so often they ask again where nobody had time."""
    step = len(callers)
    told = await asyncio.gather(
        *(asked(line, calls[place::step], patience) for place, line in enumerate(callers))
    )
    return [answer for answers in told for answer in answers]


def written(query: str, **variables: object) -> bytes:
    return orjson.dumps({"query": query, "variables": variables})


async def begun(server: str, name: str) -> None:
    """An experiment that runs, with a metric of each kind."""
    async with lines(1, server) as (line,):
        answer = await line.ask(written(CREATE, name=name))
    refusals = [payload["errors"] for payload in answer.body["data"].values()]
    assert refusals == [[], []], answer


async def id_of(database: str, name: str) -> UUID:
    connection = await asyncpg.connect(database)
    try:
        query = "SELECT id FROM ab_experiments WHERE experiment_name = $1"
        found: UUID = await connection.fetchval(query, name)
        return found
    finally:
        await connection.close()
