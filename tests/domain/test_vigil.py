"""Who stays connected is watched, and dismissed once they are no more who they were."""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest
from anyio.lowlevel import checkpoint

from domain.access import Caller, Scope
from domain.errors import Unavailable
from domain.vigil import PAUSE, Vigil
from tests.domain.stored import US
from tests.fake_live import beside, timeless

WEAKER = replace(US, scopes=frozenset({Scope.READ}))


class FakeCallers:
    """`asked` says for which tokens; a fault is raised once for each that is put into `faults`."""

    def __init__(self, **present: Caller) -> None:
        self.present = present
        self.asked: list[list[str]] = []
        self.faults: list[Exception] = []

    async def callers(self, tokens: Collection[str]) -> Mapping[str, Caller]:
        self.asked.append(sorted(tokens))
        await checkpoint()
        if self.faults:
            raise self.faults.pop(0)
        return {token: self.present[token] for token in tokens if token in self.present}


class Watched:
    def __init__(self) -> None:
        self.callers = FakeCallers(ada=US, bob=US, eve=US)
        self.vigil = Vigil(self.callers)
        self.dismissed: list[str] = []
        self.all = ExitStack()

    def add(self, token: str, name: str = "", caller: Caller = US) -> None:
        self.all.enter_context(
            self.vigil.watched(token, caller, lambda: self.dismissed.append(name or token))
        )


@pytest.fixture
def watched() -> Iterator[Watched]:
    found = Watched()
    with found.all:
        yield found
    assert len(found.vigil) == 0


@timeless
async def test_exactly_those_are_dismissed_who_are_not_what_they_were(watched: Watched) -> None:
    for token in ("ada", "bob", "eve"):
        watched.add(token)
    watched.callers.present = {"ada": US, "bob": WEAKER}
    await watched.vigil.look()

    assert sorted(watched.dismissed) == ["bob", "eve"]
    assert watched.callers.asked == [["ada", "bob", "eve"]]


@timeless
async def test_all_connections_of_a_token_are_asked_about_once(watched: Watched) -> None:
    for name in ("1", "2", "3"):
        watched.add("ada", name)
    watched.callers.present = {}
    await watched.vigil.look()

    assert sorted(watched.dismissed) == ["1", "2", "3"]
    assert watched.callers.asked == [["ada"]]


@timeless
async def test_of_one_token_those_are_dismissed_who_came_before_it_changed(
    watched: Watched,
) -> None:
    watched.add("ada", "before")
    watched.add("ada", "after", WEAKER)
    watched.callers.present = {"ada": WEAKER}
    await watched.vigil.look()

    assert watched.dismissed == ["before"]


@timeless
async def test_who_has_left_is_neither_asked_about_nor_dismissed(watched: Watched) -> None:
    with watched.vigil.watched("ada", US, lambda: watched.dismissed.append("gone")):
        watched.add("ada", "here")
    watched.callers.present = {}
    await watched.vigil.look()

    assert watched.dismissed == ["here"]


@timeless
async def test_who_comes_while_the_store_is_asked_is_not_dismissed(watched: Watched) -> None:
    watched.add("ada")
    look = asyncio.create_task(watched.vigil.look())
    await asyncio.sleep(0)
    watched.add("bob")
    await look

    assert watched.callers.asked == [["ada"]]
    assert watched.dismissed == []


@timeless
async def test_who_leaves_while_the_store_is_asked_is_not_dismissed(watched: Watched) -> None:
    watched.callers.present = {}
    with watched.vigil.watched("ada", US, lambda: watched.dismissed.append("gone")):
        look = asyncio.create_task(watched.vigil.look())
        await asyncio.sleep(0)
    await look

    assert watched.callers.asked == [["ada"]]
    assert watched.dismissed == []


@timeless
async def test_where_nobody_is_connected_nothing_is_asked(watched: Watched) -> None:
    await watched.vigil.look()

    assert watched.callers.asked == []


@pytest.mark.parametrize(
    ("fault", "logged"),
    [(Unavailable(), []), (ZeroDivisionError(), ["who is connected could not be checked"])],
    ids=["unavailable", "unforeseen"],
)
@timeless
async def test_a_fault_dismisses_nobody_and_is_not_the_end(
    watched: Watched, caplog: pytest.LogCaptureFixture, fault: Exception, logged: list[str]
) -> None:
    for token in ("ada", "bob"):
        watched.add(token)
    watched.callers.faults = [fault]
    async with beside(watched.vigil.run):
        await asyncio.sleep(1.5 * PAUSE)
        assert (len(watched.callers.asked), watched.dismissed) == (1, [])
        watched.callers.present = {"bob": US}
        await asyncio.sleep(PAUSE)

    assert watched.dismissed == ["ada"]
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == logged


def test_a_revocation_is_felt_within_ten_seconds() -> None:
    assert PAUSE + 5 <= 10  # a look that the store answers late included
