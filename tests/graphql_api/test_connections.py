"""How many connections there may be, and how they are told to end."""

import asyncio
from contextlib import ExitStack

import pytest

from graphql_api.connections import Connections
from graphql_api.places import TooManyConnections


def nothing() -> None:
    pass


def test_as_many_as_there_may_be_and_no_more() -> None:
    connections = Connections(3, 3)
    with ExitStack() as stack:
        for number in range(3):
            stack.enter_context(connections.entered(f"10.0.0.{number}", lambda: None))
        assert len(connections) == 3
        with pytest.raises(TooManyConnections, match=r"^there are 3 connections: try again later$"):
            stack.enter_context(connections.entered("10.0.0.9", nothing))

    assert len(connections) == 0


def test_an_address_has_a_share_and_gets_it_back() -> None:
    connections = Connections(100, 2)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(connections.entered("10.0.0.1", lambda: None))
        with pytest.raises(TooManyConnections, match=r"^your address has 2 connections"):
            stack.enter_context(connections.entered("10.0.0.1", nothing))
        stack.enter_context(connections.entered("10.0.0.2", lambda: None))

    with connections.entered("10.0.0.1", nothing):
        assert len(connections) == 1


def test_who_was_refused_takes_no_place() -> None:
    connections = Connections(100, 1)
    with connections.entered("10.0.0.1", nothing):
        for _ in range(5):
            with (
                pytest.raises(TooManyConnections),
                connections.entered("10.0.0.1", lambda: None),
            ):
                pass
        assert len(connections) == 1

    with connections.entered("10.0.0.1", nothing):
        assert len(connections) == 1


def test_who_ends_by_a_fault_gives_its_place_back() -> None:
    connections = Connections(1, 1)
    with pytest.raises(ZeroDivisionError), connections.entered("10.0.0.1", nothing):
        raise ZeroDivisionError

    assert len(connections) == 0
    with connections.entered("10.0.0.1", nothing):
        assert len(connections) == 1


async def test_all_are_told_to_end_and_waited_for() -> None:
    connections = Connections(10, 10)
    told = [asyncio.Event() for _ in range(3)]

    async def stay(until: asyncio.Event) -> None:
        with connections.entered("10.0.0.1", until.set):
            await until.wait()
            await asyncio.sleep(0)

    tasks = [asyncio.create_task(stay(each)) for each in told]
    await asyncio.sleep(0)
    assert len(connections) == 3

    await connections.close(30)

    assert len(connections) == 0
    await asyncio.gather(*tasks)


async def test_who_does_not_end_is_not_waited_for_and_nobody_comes_any_more() -> None:
    connections = Connections(10, 10)
    with connections.entered("10.0.0.1", nothing):
        await connections.close(0.01)
        assert len(connections) == 1

        with (
            pytest.raises(TooManyConnections, match=r"^the server stops$"),
            connections.entered("10.0.0.2", lambda: None),
        ):
            pass


async def test_where_there_are_none_nothing_is_waited_for() -> None:
    connections = Connections(10, 10)
    async with asyncio.timeout(5):
        await connections.close(600)

    assert len(connections) == 0
