"""What a tick costs the database, and that each value shows what is stored by then."""

from contextlib import AsyncExitStack

import pytest

from tests.live.conftest import Running
from tests.persistence.statements import counted

DEEP = """subscription ($name: String!, $every: Int) {
  experimentStats(experiment: {name: $name}, intervalMs: $every) {
    totalAssignments experiment { name description variants { name }
      assignments(first: 1) { nodes { userId } } }
  }
}"""
UPDATE = """mutation ($i: ExperimentUpdateInput!) {
  experimentUpdate(input: $i) { errors { message } }
}"""
OF_EACH_VALUE = "ORDER BY ab_assignments.assigned_at"  # of the nested connection


@pytest.mark.parametrize("count", [1, 50])
async def test_a_value_takes_the_same_statements_however_many_watch(
    server: Running, count: int
) -> None:
    await server.experiment()
    async with AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(server.talking()) for _ in range(count)]
        for socket in sockets:
            await socket.subscribe(DEEP, name="colour", every=1000)
            assert (await socket.value())["totalAssignments"] == 0
        await server.assign("ada")
        assert {(await socket.value())["totalAssignments"] for socket in sockets} == {1}

        async with counted(server.database) as statements:
            await server.assign("bob")
            values = [await socket.value() for socket in sockets]

    assert [value["totalAssignments"] for value in values] == [2] * count
    assert len([one for one in statements if OF_EACH_VALUE in one]) == 1
    assert len(server.endpoints.channels) <= 1


async def test_each_value_shows_the_experiment_as_it_is_by_then(server: Running) -> None:
    await server.experiment()
    seen = []
    async with server.talking() as socket:
        await socket.subscribe(DEEP, name="colour", every=200)
        first = (await socket.value())["experiment"]
        for number in range(3):
            change = {"experiment": {"name": "colour"}, "description": f"the {number}"}
            await server.graph(UPDATE, i=change)
            seen.append((await socket.value())["experiment"]["description"])

    assert (first["name"], first["description"]) == ("colour", None)
    assert [variant["name"] for variant in first["variants"]] == ["control", "other"]
    assert seen == ["the 0", "the 1", "the 2"]
