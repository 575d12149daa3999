"""How many operations one connection may have at once."""

import asyncio

from graphql_api.bounds import Bounds
from tests.live.conftest import STATS, Running, eventually
from tests.live.peers import Peer, peer

MOST_OPERATIONS = Bounds().max_operations


async def test_one_operation_too_many_is_refused_and_the_others_go_on(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        for number in range(MOST_OPERATIONS):
            await socket.subscribe(STATS, id=f"{number}", name="colour", every=200)
        for _ in range(MOST_OPERATIONS):
            await socket.value()
        await socket.subscribe(STATS, id="one too many", name="colour", every=200)
        refused = await socket.hear()
        await server.assign("ada")
        told = {(await socket.hear())["id"] for _ in range(MOST_OPERATIONS)}

    assert (refused["id"], refused["type"]) == ("one too many", "error")
    (error,) = refused["payload"]
    assert error["extensions"]["requestId"]
    assert error["extensions"]["code"] == "RATE_LIMITED"
    assert error["message"] == "a connection may have 100 operations at once"
    assert told == {f"{number}" for number in range(MOST_OPERATIONS)}


async def test_a_place_is_free_again_once_an_operation_has_ended(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        for number in range(MOST_OPERATIONS):
            await socket.subscribe(STATS, id=f"{number}", name="colour", every=200)
        for _ in range(MOST_OPERATIONS):
            await socket.value()
        await socket.say({"type": "complete", "id": "7"})
        await socket.subscribe("{ __typename }", id="new")

        assert (await socket.hear())["payload"] == {"data": {"__typename": "Query"}}


async def test_who_reads_no_refusals_is_not_listened_to_either(server: Running) -> None:
    loop = asyncio.get_running_loop()
    async with peer(server.url, room=4096) as flooding:
        for number in range(MOST_OPERATIONS):
            await flooding.subscribe(STATS, id=f"{number}", name="colour")
        moments = [loop.time()]
        sending = asyncio.create_task(_subscribe_again_and_again(flooding, moments))
        await eventually(lambda: sending.done() or loop.time() - moments[-1] > 1, 60)

        assert not sending.done()
        sending.cancel()
        await asyncio.wait([sending])


async def _subscribe_again_and_again(flooding: Peer, moments: list[float]) -> None:
    """As much as no buffer of the system takes; `moments` are when a message was taken."""
    for number in range(20_000):
        await flooding.subscribe(f"subscription {{ a }} #{'.' * 2000}", id=f"{number:.>256}")
        moments.append(asyncio.get_running_loop().time())
