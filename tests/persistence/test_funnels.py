"""Funnels as they are stored: whole or not at all, each in its own project."""

import asyncio
from dataclasses import replace

import pytest

from domain.errors import NameTaken
from domain.funnels import NEWEST_FIRST, Funnel, FunnelChanges, FunnelEdit, Path
from domain.ids import ProjectId, new_id
from domain.paging import window
from persistence.engine import Database
from persistence.funnels import Funnels
from tests.factories import make_deed
from tests.funnels import make_funnel, make_path
from tests.persistence.contents import everything
from tests.persistence.servers import ask
from tests.persistence.statements import counted
from tests.persistence.stores import DEED, LATER

DIAMOND = [(0, 1), (0, 2), (1, 3), (2, 3)]


async def made(store: Funnels, project: ProjectId, name: str = "orders") -> tuple[Funnel, Path]:
    funnel = make_funnel(project_id=project, name=name)
    path = make_path(["view", "cart", "help", "pay"], DIAMOND, funnel=funnel.id)
    await store.create(funnel, path, DEED)
    return funnel, path


@pytest.fixture
def store(database: Database) -> Funnels:
    return Funnels(database)


async def test_what_is_created_is_found_again(store: Funnels, home: ProjectId) -> None:
    funnel, path = await made(store, home)

    assert await store.by_ids(home, [funnel.id, new_id()]) == {funnel.id: funnel}
    assert await store.paths(home, [funnel.id, new_id()]) == {funnel.id: path}
    step = path.steps[2]
    assert await store.steps_by_ids(home, [step.id]) == {step.id: step}


async def test_another_project_finds_and_changes_nothing(
    store: Funnels, home: ProjectId, elsewhere: ProjectId, database_url: str
) -> None:
    funnel, path = await made(store, home)
    before = await everything(database_url)
    edit = FunnelEdit(changes=FunnelChanges(name="theirs"), path=path)

    assert await store.by_ids(elsewhere, [funnel.id]) == {}
    assert await store.paths(elsewhere, [funnel.id]) == {}
    assert await store.steps_by_ids(elsewhere, [path.steps[0].id]) == {}
    assert await store.count(elsewhere) == 0
    assert await store.save(elsewhere, funnel, edit, DEED) is None
    assert await store.delete(elsewhere, funnel.id, DEED) is False
    assert await everything(database_url) == before


async def test_an_edit_is_saved_whole_as_the_next_version(store: Funnels, home: ProjectId) -> None:
    funnel, path = await made(store, home)
    first, _, third, _ = path.steps
    after = make_path(["pay", "other", "new"], [(0, 2), (1, 2)], funnel=funnel.id)
    kept = [
        replace(third, position=0, event_type="pay"),
        replace(first, position=1, event_type="other"),
        replace(after.steps[2], name="new"),
    ]
    links = [replace(after.links[n], source=kept[n], target=kept[2]) for n in range(2)]
    edit = FunnelEdit(changes=FunnelChanges(description=None), path=Path(steps=kept, links=links))

    saved = await store.save(home, funnel, edit, DEED)

    assert saved == replace(funnel, description=None, version=2, updated_at=LATER)
    assert await store.by_ids(home, [funnel.id]) == {funnel.id: saved}
    assert await store.paths(home, [funnel.id]) == {funnel.id: edit.path}


async def test_whoever_was_overtaken_writes_nothing(
    store: Funnels, home: ProjectId, database_url: str
) -> None:
    funnel, _ = await made(store, home)
    edits = [
        FunnelEdit(
            changes=FunnelChanges(name=f"name {turn}"),
            path=make_path(["view"] * (turn + 2), funnel=funnel.id),
        )
        for turn in range(5)
    ]

    saved = await asyncio.gather(*(store.save(home, funnel, edit, DEED) for edit in edits))

    [winner] = [turn for turn, one in enumerate(saved) if one is not None]
    assert await store.by_ids(home, [funnel.id]) == {funnel.id: saved[winner]}
    assert await store.paths(home, [funnel.id]) == {funnel.id: edits[winner].path}
    assert await ask(database_url, "SELECT count(*) FROM ab_audit") == 2


async def test_a_taken_name_leaves_the_steps_as_they_were(
    store: Funnels, home: ProjectId, elsewhere: ProjectId, database_url: str
) -> None:
    await made(store, home, name="taken")
    await made(store, elsewhere, name="orders")
    funnel, _ = await made(store, home, name="orders")
    before = await everything(database_url)
    path = make_path(["view", "pay"], funnel=funnel.id)
    edit = FunnelEdit(changes=FunnelChanges(name="taken"), path=path)

    with pytest.raises(NameTaken):
        await store.save(home, funnel, edit, DEED)
    with pytest.raises(NameTaken):
        await made(store, home, name="taken")

    assert await everything(database_url) == before


async def test_a_deleted_funnel_takes_its_steps_and_links(
    store: Funnels, home: ProjectId, database_url: str
) -> None:
    funnel, _ = await made(store, home)
    other, path = await made(store, home, name="other")

    assert await store.delete(home, funnel.id, make_deed(action="funnel.delete")) is True

    assert await store.delete(home, funnel.id, DEED) is False
    assert await store.paths(home, [funnel.id, other.id]) == {other.id: path}
    counts = "SELECT (SELECT count(*) FROM ab_funnel_nodes) * 10 + count(*) FROM ab_funnel_edges"
    assert await ask(database_url, counts) == 44


async def test_each_read_is_one_statement(
    database: Database, store: Funnels, home: ProjectId
) -> None:
    funnels = [(await made(store, home, name=name))[0] for name in "abc"]
    ids = [funnel.id for funnel in funnels]
    from_the_latest = window(NEWEST_FIRST, first=2)

    async with counted(database) as statements:
        await store.by_ids(home, ids)
        paths = await store.paths(home, ids)
        page = await store.page(home, from_the_latest)
        count = await store.count(home)

    assert len(statements) == 4
    assert [len(path.links) for path in paths.values()] == [4, 4, 4]
    assert (len(page.items), page.has_next, count) == (2, True, 3)
