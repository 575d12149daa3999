"""What is still to be said in one stream of server-sent events."""

import asyncio

from graphql_api.events import EventLetter
from graphql_api.payloads import Outdated, Payload


async def test_silence_is_broken_by_a_sign_of_life() -> None:
    letter = EventLetter(Outdated(), list, still_here=0.01)
    parts = letter.chunks()

    async with asyncio.timeout(10):
        assert await anext(parts) == b":\n\n"
        letter.next(Payload(b"1"))
        assert await anext(parts) == b"event: next\ndata: 1\n\n"
        assert await anext(parts) == b":\n\n"
    await parts.aclose()


async def test_who_reads_slowly_gets_the_latest_value_and_the_end() -> None:
    letter = EventLetter(Outdated(), list)
    letter.next(Payload(b"1"))
    letter.next(Payload(b"2"))
    letter.complete()

    parts = [part async for part in letter.chunks()]
    assert parts == [b"event: next\ndata: 2\n\n", b"event: complete\ndata: \n\n"]


async def test_nothing_is_shown_after_what_is_forbidden() -> None:
    letter = EventLetter(Outdated(), list)
    letter.next(Payload(b"1"))
    letter.forbid()
    letter.next(Payload(b"2"))

    first, last = [part async for part in letter.chunks()]
    assert b'"code":"FORBIDDEN"' in bytes(first)
    assert last == b"event: complete\ndata: \n\n"


async def test_a_stream_that_the_server_interrupts_ends_without_complete() -> None:
    letter = EventLetter(Outdated(), list)
    letter.next(Payload(b"1"))
    letter.interrupt()

    assert [part async for part in letter.chunks()] == [b"event: next\ndata: 1\n\n", b""]
