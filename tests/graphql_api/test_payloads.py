"""What is sent to many is kept once, and little of what is outdated."""

import asyncio
import socket
from collections.abc import Collection
from contextlib import ExitStack

from graphql_api.payloads import Outdated, Payload, pieces
from graphql_api.reset import reset

LARGE = 2**16


class Slow:
    """It reads nothing."""

    def __init__(self, *payloads: Payload) -> None:
        self.payloads = set(payloads)

    def held(self) -> Collection[Payload]:
        return self.payloads

    def cut(self) -> None:
        self.payloads.clear()


def test_what_is_small_is_sent_at_once() -> None:
    assert pieces(b"<", b"x" * (LARGE - 2), b">") == [b"<" + b"x" * (LARGE - 2) + b">"]


def test_what_is_large_is_never_put_together() -> None:
    body = b"x" * (LARGE * 2 + 1)

    found = pieces(b"<", body, b">")

    assert [len(each) for each in found] == [1, LARGE, LARGE, 1, 1]
    assert all(isinstance(each, memoryview) for each in found)
    assert [each.obj for each in found[1:4] if isinstance(each, memoryview)] == [body] * 3
    assert b"".join(found) == b"<" + body + b">"


def test_what_nobody_holds_does_not_count() -> None:
    outdated = Outdated(most=100)

    for _ in range(10):
        outdated.take(Payload(b"x" * 60))

    assert outdated.size == 0


def test_who_holds_the_oldest_is_cut_where_too_much_is_held() -> None:
    outdated = Outdated(most=100)
    with ExitStack() as watched:
        readers = [Slow(Payload(b"x" * 30)) for _ in range(4)]
        for reader in readers:
            watched.enter_context(outdated.watched(reader))
            outdated.take(*reader.payloads)

    assert [len(reader.payloads) for reader in readers] == [0, 0, 0, 1]
    assert outdated.size == 30


def test_all_who_hold_the_oldest_are_cut_and_who_holds_something_else_is_not() -> None:
    outdated = Outdated(most=100)
    old, latest = Payload(b"x" * 60), Payload(b"x" * 60)
    some, others = [Slow(old), Slow(latest, old)], [Slow(latest), Slow()]
    with ExitStack() as watched:
        for reader in (*some, *others):
            watched.enter_context(outdated.watched(reader))
        outdated.take(old)
        outdated.take(latest)

    assert [reader.payloads for reader in some] == [set(), set()]
    assert [reader.payloads for reader in others] == [{latest}, set()]


def test_who_has_gone_is_not_cut() -> None:
    outdated = Outdated(most=100)
    reader = Slow(Payload(b"x" * 60))
    with outdated.watched(reader):
        outdated.take(*reader.payloads)
    latest = Payload(b"x" * 60)
    outdated.take(latest)

    assert len(reader.payloads) == 1


def test_a_single_one_may_be_as_large_as_it_is() -> None:
    outdated = Outdated(most=100)
    reader = Slow(Payload(b"x" * 200))
    with outdated.watched(reader):
        outdated.take(*reader.payloads)

    assert len(reader.payloads) == 1
    assert outdated.size == 200


async def test_a_connection_that_is_gone_already_can_be_reset() -> None:
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
    theirs.close()
    transport.abort()
    await asyncio.sleep(0.01)

    for _ in range(2):
        reset(transport)

    assert transport.is_closing()
