"""What a subscriber gets, over WebSocket, and when."""

from tests.live.conftest import CHANGED, STATS, Running


async def test_the_present_results_come_at_once_and_changes_after_them(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=200)
        first = await socket.value()
        await server.assign("ada")
        second = await socket.value()

    assert first["totalAssignments"] == 0
    assert second["totalAssignments"] == 1
    assert second["revision"] > first["revision"]


async def test_what_has_not_changed_is_not_sent(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=200)
        await socket.value()

        assert await socket.is_silent(1.0)


async def test_the_last_value_is_that_of_completion(server: Running) -> None:
    await server.experiment()
    async with server.talking() as socket:
        await socket.subscribe(STATS, name="colour", every=60_000)
        await socket.value()
        await server.move("Pause")
        paused = await socket.value()
        await server.move("Complete")
        last = await socket.value()
        end = await socket.hear()

    assert paused["experiment"]["status"] == "PAUSED"
    assert last["experiment"]["status"] == "COMPLETED"
    assert end == {"id": "1", "type": "complete"}


async def test_edits_are_seen(server: Running) -> None:
    await server.experiment(is_draft=True)
    async with server.talking() as socket:
        await socket.subscribe(CHANGED, name="colour")
        first = await socket.value()
        await server.move("Start")
        second = await socket.value()

    assert (first["status"], second["status"]) == ("DRAFT", "ACTIVE")
