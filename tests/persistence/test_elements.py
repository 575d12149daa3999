"""Elements and what variants put into them: how they are read, and that a change of them is the
next version of their experiment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import insert

from domain.elements import (
    Element,
    ElementChanges,
    ElementEdit,
    ElementVariant,
    ElementVariantChanges,
)
from domain.errors import InUse, NameTaken, NotFound
from domain.experiments import Experiment
from domain.ids import ProjectId, new_id
from domain.variants import Variant
from persistence.elements import Elements
from persistence.engine import Database
from persistence.ingest import Ingest
from persistence.models import ASSIGNMENTS, AUDIT, ELEMENT_VARIANTS, ELEMENTS
from persistence.variants import Variants
from tests.elements import make_element, make_element_variant
from tests.factories import make_assignment, make_deed
from tests.persistence.contents import everything
from tests.persistence.graphs import stored, stored_experiment, stored_variants
from tests.persistence.servers import ask
from tests.persistence.shops import rows_of
from tests.persistence.statements import counted
from tests.persistence.stores import LATER

WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
DEED = make_deed(action="element.update", at=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An experiment with two elements, which come in the order opposite to their age, and into each
    of which both variants put something."""

    experiment: Experiment
    variants: Sequence[Variant]
    elements: Sequence[Element]
    contents: Sequence[ElementVariant]


async def set_up(database: Database, project: ProjectId) -> Stage:
    experiment = await stored_experiment(database, project)
    variants = await stored_variants(database, experiment.id)
    made = [make_element(experiment_id=experiment.id, position=9 - place) for place in range(2)]
    contents = [
        make_element_variant(element_id=element.id, variant_id=variant.id, position=place)
        for element in made
        for place, variant in enumerate(variants)
    ]
    await stored(database, ELEMENTS, *made)
    await stored(database, ELEMENT_VARIANTS, *reversed(contents))
    return Stage(experiment=experiment, variants=variants, elements=made[::-1], contents=contents)


@pytest.fixture
def store(database: Database) -> Elements:
    return Elements(database)


@pytest.fixture
async def stage(database: Database, home: ProjectId) -> Stage:
    return await set_up(database, home)


async def test_each_way_to_read_is_one_statement_however_many_are_asked_for(
    database: Database, store: Elements, home: ProjectId
) -> None:
    stages = [await set_up(database, home) for _ in range(5)]
    owners = [one.experiment.id for one in stages]
    elements = [element for one in stages for element in one.elements]
    contents = [content for one in stages for content in one.contents]
    variants = [variant.id for one in stages for variant in one.variants]

    async with counted(database) as statements:
        by_id = await store.by_ids(home, [one.id for one in elements])
        by_experiment = await store.by_experiment(home, owners)
        content_by_id = await store.contents(home, [one.id for one in contents])
        by_element = await store.contents_by_element(home, [one.id for one in elements])
        by_variant = await store.contents_by_variant(home, variants)

    assert len(statements) == 5
    assert by_id == {one.id: one for one in elements}
    assert by_experiment == {one.experiment.id: one.elements for one in stages}
    assert content_by_id == {one.id: one for one in contents}
    assert [len(by_element[one.id]) for one in elements] == [2] * 10
    assert [len(by_variant[variant]) for variant in variants] == [2] * 10


async def test_contents_come_by_position_and_those_of_a_variant_as_their_elements_do(
    store: Elements, home: ProjectId, stage: Stage
) -> None:
    old, young = stage.elements[::-1]
    of_old, of_young = stage.contents[:2], stage.contents[2:]

    by_element = await store.contents_by_element(home, [old.id, young.id])
    by_variant = await store.contents_by_variant(home, [stage.variants[0].id])

    assert by_element == {old.id: of_old, young.id: of_young}
    assert by_variant == {stage.variants[0].id: [of_young[0], of_old[0]]}


async def test_what_was_deactivated_is_kept_with_its_element_and_not_with_its_variant(
    store: Elements, home: ProjectId, stage: Stage
) -> None:
    content, variant = stage.contents[0], stage.contents[0].variant_id
    edit = ElementEdit(refilled={content.id: ElementVariantChanges(is_active=False)})

    assert await store.save(home, stage.experiment, edit, DEED) is not None

    by_element = await store.contents_by_element(home, [content.element_id])
    by_variant = await store.contents_by_variant(home, [variant])
    assert by_element[content.element_id][0] == replace(content, is_active=False)
    assert by_variant == {variant: [stage.contents[2]]}


async def test_another_project_reads_and_changes_nothing(
    database_url: str, store: Elements, elsewhere: ProjectId, stage: Stage
) -> None:
    before = await everything(database_url)
    [element, content] = [stage.elements[0].id, stage.contents[0].id]
    edit = ElementEdit(removed=frozenset({element}))

    assert await store.by_ids(elsewhere, [element]) == {}
    assert await store.by_experiment(elsewhere, [stage.experiment.id]) == {}
    assert await store.contents(elsewhere, [content]) == {}
    assert await store.contents_by_element(elsewhere, [element]) == {}
    assert await store.contents_by_variant(elsewhere, [stage.variants[0].id]) == {}
    assert await store.save(elsewhere, stage.experiment, edit, DEED) is None
    assert await everything(database_url) == before


async def test_an_edit_is_the_next_version_a_statement_for_each_change_and_a_line_in_the_audit(
    database: Database, store: Elements, home: ProjectId, stage: Stage
) -> None:
    gone, kept = stage.elements
    [content] = [one for one in stage.contents[:1] if one.element_id == kept.id]
    added = make_element(experiment_id=stage.experiment.id, name="new")
    filled = make_element_variant(element_id=added.id, variant_id=stage.variants[0].id)
    edit = ElementEdit(
        added=[added],
        changed={kept.id: ElementChanges(name="kept", position=3)},
        removed=frozenset({gone.id}),
        filled=[filled],
        refilled={content.id: ElementVariantChanges(content=[1, {"a": None}])},
    )

    async with counted(database) as statements:
        saved = await store.save(home, stage.experiment, edit, DEED)

    told = [(one.split()[0], one.split("ab_")[1].split()[0].strip("(")) for one in statements]
    assert told == [
        ("UPDATE", "experiments"),
        ("DELETE", "elements"),
        ("UPDATE", "elements"),
        ("INSERT", "elements"),
        ("UPDATE", "element_variants"),
        ("INSERT", "element_variants"),
        ("INSERT", "audit"),
    ]
    assert saved == replace(stage.experiment, version=2, updated_at=LATER)
    changed = replace(kept, name="kept", position=3, updated_at=LATER)
    assert await store.by_experiment(home, [saved.id]) == {saved.id: [added, changed]}
    found = await store.contents_by_element(home, [gone.id, kept.id, added.id])
    refilled = replace(content, content=[1, {"a": None}])
    assert found == {kept.id: [refilled, stage.contents[1]], added.id: [filled]}
    [entry] = await rows_of(database, AUDIT)
    assert (entry.action, entry.subject_id) == ("element.update", stage.experiment.id)
    assert entry.changes["elements"] == {str(kept.id): {"name": "kept", "position": 3}}
    assert entry.changes["added"][0]["name"] == "new"
    assert entry.changes["removed"] == [str(gone.id)]


async def test_whoever_was_overtaken_writes_nothing(
    database_url: str, store: Elements, home: ProjectId, stage: Stage
) -> None:
    before = await everything(database_url)
    old = replace(stage.experiment, version=0)
    edit = ElementEdit(removed=frozenset({stage.elements[0].id}))

    assert await store.save(home, old, edit, DEED) is None
    assert await everything(database_url) == before


async def test_an_edit_reaches_nothing_of_another_experiment(
    database: Database, database_url: str, store: Elements, home: ProjectId, stage: Stage
) -> None:
    other = await stored_experiment(database, home)
    before = await everything(database_url)
    edit = ElementEdit(
        changed={stage.elements[0].id: ElementChanges(name="theirs")},
        removed=frozenset({stage.elements[1].id}),
        refilled={stage.contents[0].id: ElementVariantChanges(name="theirs")},
    )

    assert await store.save(home, other, edit, DEED) is not None

    after = await everything(database_url)
    for table in ("ab_elements", "ab_element_variants"):
        assert after[table] == before[table]


async def test_a_name_is_taken_within_an_experiment_alone(
    database: Database, database_url: str, store: Elements, home: ProjectId, stage: Stage
) -> None:
    other = await stored_experiment(database, home)
    name = stage.elements[0].name
    twin = ElementEdit(added=[make_element(experiment_id=stage.experiment.id, name=name)])
    before = await everything(database_url)

    with pytest.raises(NameTaken, match="another element of this experiment has that name"):
        await store.save(home, stage.experiment, twin, DEED)

    assert await everything(database_url) == before
    elsewhere = ElementEdit(added=[make_element(experiment_id=other.id, name=name)])
    assert await store.save(home, other, elsewhere, DEED) is not None


async def test_a_variant_that_is_gone_puts_nothing_anywhere(
    database_url: str, store: Elements, home: ProjectId, stage: Stage
) -> None:
    before = await everything(database_url)
    content = make_element_variant(element_id=stage.elements[0].id, variant_id=new_id())

    with pytest.raises(NotFound, match="that variant does not exist"):
        await store.save(home, stage.experiment, ElementEdit(filled=[content]), DEED)

    assert await everything(database_url) == before


async def test_what_was_given_to_a_user_is_in_use(
    database: Database, database_url: str, store: Elements, home: ProjectId, stage: Stage
) -> None:
    [given, spare] = stage.variants
    owner = {"experiment_id": stage.experiment.id, "variant_id": given.id}
    await Ingest(database, lambda _: None).enrol([make_assignment(**owner)])
    before = await everything(database_url)
    contents = {one.variant_id: one for one in stage.contents}

    def change_of(variant: Variant) -> ElementEdit:
        changes = {contents[variant.id].id: ElementVariantChanges(content=[])}
        return ElementEdit(refilled=changes, unseen=frozenset({variant.id}))

    with pytest.raises(InUse, match="users were given this variant"):
        await store.save(home, stage.experiment, change_of(given), DEED)
    assert await everything(database_url) == before
    assert await store.save(home, stage.experiment, change_of(spare), DEED) is not None


async def test_a_change_waits_for_those_who_are_just_being_given_the_variant(
    database: Database, database_url: str, store: Elements, home: ProjectId, stage: Stage
) -> None:
    content, variant = stage.contents[0], stage.contents[0].variant_id
    user = make_assignment(experiment_id=stage.experiment.id, variant_id=variant)
    changes = {content.id: ElementVariantChanges(content=[])}
    edit = ElementEdit(refilled=changes, unseen=frozenset({variant}))

    async with database.begin() as connection:
        await connection.execute(insert(ASSIGNMENTS.table).values(ASSIGNMENTS.values(user)))
        saving = asyncio.create_task(store.save(home, stage.experiment, edit, DEED))
        async with asyncio.timeout(3):
            while not (saving.done() or await ask(database_url, WAITING)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    with pytest.raises(InUse):
        await saving


async def test_what_an_element_or_a_variant_had_goes_with_it(
    database: Database, store: Elements, home: ProjectId, stage: Stage
) -> None:
    [gone, _] = stage.elements
    edit = ElementEdit(removed=frozenset({gone.id}))

    assert await store.save(home, stage.experiment, edit, DEED) is not None

    assert {one.element_id for one in await rows_of(database, ELEMENT_VARIANTS)} == {
        stage.elements[1].id
    }
    assert len(await Variants(database).by_experiment(home, [stage.experiment.id])) == 1
