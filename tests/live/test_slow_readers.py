"""Who reads slowly, or never: what is kept for them is bounded, and nobody else waits."""

import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from websockets.frames import Opcode

from graphql_api.payloads import MOST_OUTDATED, Payload
from graphql_api.settings import Settings
from graphql_api.wire import Wire
from tests.graphql_api.serving import AUTHORIZATION, KEY, serving
from tests.live.conftest import ASSIGN, CREATE, STATS, Running, eventually, running
from tests.live.peers import SMALL, Peer, events, peer, talking, unread_events
from tests.tracking.load import begun

MOST_KEPT = 2**18  # bytes that wait for one peer
PIECE = 2**16
VALUES = 30
MOST_OLD = 3  # values of 300 KiB: what the system and the buffers have, and the one under way
DESCRIBE = """mutation ($i: ExperimentUpdateInput!) {
  experimentUpdate(input: $i) { errors { message } }
}"""
RESULTS = """
  asOf conversionRate progress revision totalAssignments totalConversions
  decision { kind reason variant { name } arms { variant { name } } }
  sampleRatio { state pValue anytimePValue expected observed }
  metrics {
    metric { name }
    variants { variant { name } users total mean standardDeviation interval { lower upper } }
    comparisons { variant { name } control { name } chanceToBeatControl expectedLoss }
  }
"""
ALIASES = " ".join(f"a{number}: experiment {{ description }}" for number in range(30))
ALL = f"""subscription ($name: String!) {{
  experimentStats(experiment: {{name: $name}}, intervalMs: 200) {{ {RESULTS} {ALIASES} }}
}}"""
READ_FASTER = "read faster: the server cannot keep what you have not read"
LARGE = 300_000  # bytes of one such value, at least
DESCRIPTION = "ä" * 5_000  # two bytes each
DESCRIBED = {"experiment": {"name": "checkout"}, "description": DESCRIPTION}


@pytest.fixture
async def watched(server: Running) -> str:
    """An experiment of ten variants, of which one value takes 300 KiB."""
    variants = [{"name": "control", "isControl": True}]
    variants += [{"name": f"other-{number}"} for number in range(9)]
    await server.graph(
        CREATE, i={"name": "colour", "description": DESCRIPTION, "variants": variants}
    )
    await server.move("Start")
    return "colour"


def wires(server: Running) -> Sequence[Wire]:
    return [each for each in server.server.server_state.connections if isinstance(each, Wire)]


def leave_room(server: Running, room: int) -> None:
    """In the system, for the only peer."""
    (wire,) = wires(server)
    wire.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)


def kept(server: Running) -> int:
    """Bytes that wait for the peer who has most."""
    return max(wire.transport.get_write_buffer_size() for wire in wires(server))


async def test_what_waits_for_who_never_reads_is_bounded_and_others_do_not_wait(
    server: Running, watched: str
) -> None:
    async with peer(server.url, room=SMALL) as idle, server.talking() as quick:
        await idle.subscribe(ALL, name=watched)
        await quick.subscribe(STATS, name=watched, every=200)
        await quick.value()
        most, seen = 0, []
        for number in range(VALUES):
            await server.assign(f"user-{number}")
            seen.append((await quick.value())["totalAssignments"])
            most = max(most, kept(server))

    assert seen == list(range(1, VALUES + 1))
    assert PIECE < most <= MOST_KEPT


async def test_who_reads_again_gets_what_was_on_its_way_and_then_the_latest(
    database_url: str,
) -> None:
    """Of a server that is a process of its own: it says how much the system keeps."""
    async with serving(DATABASE_URL=database_url) as process:
        await begun(process.url, "checkout")
        await graph(process.url, DESCRIBE, i=DESCRIBED)
        async with (
            peer(process.url, room=SMALL, token=KEY) as slow,
            talking(process.url, KEY) as quick,
        ):
            await slow.subscribe(ALL, name="checkout")
            await quick.subscribe(STATS, name="checkout", every=200)
            await quick.value()
            for number in range(VALUES):
                item = {"experiment": "checkout", "userId": f"user-{number}"}
                await graph(process.url, ASSIGN, i=item)
                await quick.value()
            shown = [await total(slow)]
            while shown[-1] < VALUES:
                shown.append(await total(slow))

    assert shown[:-1] == list(range(len(shown) - 1))
    assert len(shown) <= 1 + MOST_OLD


async def test_events_that_nobody_reads_are_bounded_too(server: Running, watched: str) -> None:
    async with (
        unread_events(server.url, ALL, name=watched),
        events(server.url, STATS, name=watched, every=200) as quick,
    ):
        await quick.value()
        most, seen = 0, []
        for number in range(VALUES):
            await server.assign(f"user-{number}")
            seen.append((await quick.value())["totalAssignments"])
            sizes = [
                each.transport.get_write_buffer_size()
                for each in server.server.server_state.connections
            ]
            most = max(most, *sizes)

    assert seen == list(range(1, VALUES + 1))
    assert PIECE < most <= MOST_KEPT


async def test_who_is_cut_for_what_it_has_not_read_is_told_so_and_others_stay(
    server: Running, watched: str
) -> None:
    async with peer(server.url, room=PIECE // 2) as slow:
        leave_room(server, PIECE // 2)
        await slow.subscribe(ALL, name=watched)
        await slow.frame()
        async with server.talking() as quick:
            await quick.subscribe(ALL, name=watched)
            await quick.value()
            server.endpoints.outdated.take(Payload(bytes(MOST_OUTDATED)))
            assert await slow.closed() == (1013, READ_FASTER)
            await server.assign("user")
            assert (await quick.value())["totalAssignments"] == 1


async def test_a_large_value_comes_in_pieces_and_whole(server: Running, watched: str) -> None:
    async with peer(server.url) as raw, server.talking() as plain:
        await raw.subscribe(ALL, name=watched)
        frames = [await raw.frame()]
        while not frames[-1].fin:
            frames.append(await raw.frame())
        await plain.subscribe(ALL, name=watched)
        value = await plain.value()

    assert sum(len(frame.data) for frame in frames) > LARGE
    assert max(len(frame.data) for frame in frames) <= PIECE
    kinds = [frame.opcode for frame in frames]
    assert kinds == [Opcode.TEXT] + [Opcode.CONT] * (len(frames) - 1)
    shown = {name: each for name, each in value.items() if name.startswith("a") and name != "asOf"}
    assert shown == {f"a{number}": {"description": DESCRIPTION} for number in range(30)}


async def total(slow: Peer) -> int:
    message = await slow.hear()
    found: int = message["payload"]["data"]["experimentStats"]["totalAssignments"]
    return found


async def graph(url: str, query: str, **variables: Any) -> None:
    async with httpx.AsyncClient(headers=AUTHORIZATION) as http:
        body = {"query": query, "variables": variables}
        answer = (await http.post(f"{url}/graphql", json=body)).json()
    (value,) = answer["data"].values()
    assert not value["errors"], value


@pytest.fixture
async def impatient(prepared: str) -> AsyncIterator[Running]:
    """It pings often, and does not wait long for the answer."""
    settings = Settings(log_level="warning", ping_interval=1, pong_time=1)
    async with running(prepared, settings) as found:
        yield found


async def test_who_answers_pings_stays(impatient: Running) -> None:
    await impatient.experiment()
    async with impatient.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=200)
        await socket.value()

        assert await socket.is_silent(3.0)
        assert len(impatient.endpoints.connections) == 1


async def test_who_answers_no_pings_is_dropped(impatient: Running) -> None:
    async with peer(impatient.url) as dead:
        await dead.say({"type": "ping"})

        assert await dead.is_cut()

    await eventually(lambda: len(impatient.endpoints.connections) == 0)


async def test_who_answers_no_pings_is_dropped_though_its_buffers_are_full(
    impatient: Running, watched: str
) -> None:
    async with peer(impatient.url, room=SMALL) as dead:
        leave_room(impatient, SMALL)
        await dead.subscribe(ALL, name=watched)
        await eventually(lambda: kept(impatient) >= PIECE)

        await eventually(lambda: not wires(impatient))
        await eventually(lambda: not dead.is_connected)
        await eventually(lambda: not len(impatient.endpoints.connections))

    assert len(impatient.endpoints.channels) == 0
