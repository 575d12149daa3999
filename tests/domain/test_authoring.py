from dataclasses import replace
from uuid import UUID

import pytest

from domain.arms import VariantUpdate
from domain.authoring import Authoring, Target
from domain.creation import NewExperiment
from domain.editing import ExperimentUpdate
from domain.errors import InUse, Invalid, NameTaken, NotFound, VersionConflict
from domain.experiments import ExperimentKey, ExperimentStatus
from domain.lifecycle import IllegalTransition
from domain.variants import NewVariant
from tests.domain.stored import HOME, LATER, THEM, US, arm, at, outcome, stored
from tests.factories import make_metric_definition, make_new_metric
from tests.fakes import Memory


async def test_an_experiment_is_created_with_all_that_belongs_to_it(
    memory: Memory, authoring: Authoring
) -> None:
    new = NewExperiment(
        name="checkout", metrics=[make_new_metric()], variants=[NewVariant(name="a")]
    )

    made = await authoring.create(US, new)

    assert memory.experiments == {made.id: made}
    assert (made.project_id, made.created_at, made.version) == (HOME, LATER, 1)
    assert [one.name for one in memory.of(made.id)] == ["a"]
    assert [one.name for one in memory.definitions[made.id]] == ["orders"]


async def test_nothing_is_written_of_a_wrong_experiment(
    memory: Memory, authoring: Authoring
) -> None:
    with pytest.raises(Invalid):
        await authoring.create(US, NewExperiment(name="", variants=[NewVariant(name="a")]))

    assert memory == Memory()


async def test_a_name_is_taken_once_in_a_project(memory: Memory, authoring: Authoring) -> None:
    await authoring.create(US, NewExperiment(name="checkout"))

    with pytest.raises(NameTaken):
        await authoring.create(US, NewExperiment(name="checkout"))
    await authoring.create(THEM, NewExperiment(name="checkout"))

    assert memory.writes == 2


@pytest.mark.parametrize("by", ["id", "name"])
async def test_an_experiment_is_moved_by_id_or_name(
    memory: Memory, authoring: Authoring, by: str
) -> None:
    draft = stored(memory)
    key = ExperimentKey(id=draft.id) if by == "id" else ExperimentKey(name="checkout")

    started = await authoring.start(US, Target(key=key))

    assert started == replace(
        draft,
        status=ExperimentStatus.ACTIVE,
        started_at=LATER,
        phase=1,
        version=2,
        updated_at=LATER,
    )
    assert memory.experiments[draft.id] == started
    [phase] = memory.phases[draft.id]
    assert (phase.number, phase.weights, phase.opened_at) == (1, {"a": 0.5, "b": 0.5}, LATER)


async def test_a_life_from_start_to_archive(memory: Memory, authoring: Authoring) -> None:
    target = at(stored(memory))

    await authoring.start(US, target)
    await authoring.pause(US, target)
    await authoring.resume(US, target)
    completed = await authoring.complete(US, target, "b")
    archived = await authoring.archive(US, target)

    assert (completed.status, completed.winner_variant) == (ExperimentStatus.COMPLETED, "b")
    assert (archived.status, archived.version) == (ExperimentStatus.ARCHIVED, 6)
    assert (archived.started_at, archived.completed_at) == (LATER, LATER)
    assert [phase.number for phase in memory.phases[archived.id]] == [1]


@pytest.mark.parametrize(
    "key",
    [
        ExperimentKey(id=UUID(int=9)),
        ExperimentKey(name="Checkout"),
        ExperimentKey(name=""),
        ExperimentKey(),
    ],
    ids=["id", "name", "empty name", "neither"],
)
async def test_what_is_not_there_is_not_found(
    memory: Memory, authoring: Authoring, key: ExperimentKey
) -> None:
    stored(memory)

    for asked in (
        authoring.start(US, Target(key=key)),
        authoring.complete(US, Target(key=key), None),
        authoring.update(US, Target(key=key), ExperimentUpdate(name="")),
        authoring.add_variants(US, Target(key=key), []),
        authoring.delete(US, Target(key=key)),
    ):
        assert isinstance(await outcome(asked), NotFound)
    assert memory.writes == 0


async def test_what_is_of_another_project_is_not_there(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")

    for asked in (
        authoring.start(THEM, at(experiment)),
        authoring.delete(THEM, at(experiment, version=9)),
        authoring.update_variant(THEM, variant.id, VariantUpdate(label="x")),
        authoring.remove_variant(THEM, variant.id),
    ):
        assert isinstance(await outcome(asked), NotFound)
    assert memory.writes == 0


@pytest.mark.parametrize("version", [0, 1, 3, -1])
async def test_another_version_than_expected_is_a_conflict(
    memory: Memory, authoring: Authoring, version: int
) -> None:
    target = at(stored(memory, version=2), version)

    for asked in (
        authoring.start(US, target),
        authoring.complete(US, target, None),
        authoring.update(US, target, ExperimentUpdate()),
        authoring.add_variants(US, target, [NewVariant(name="c")]),
        authoring.delete(US, target),
    ):
        refusal = await outcome(asked)
        assert isinstance(refusal, VersionConflict)
        assert refusal.current_version == 2
    assert memory.writes == 0


async def test_the_version_expected_is_let_through(memory: Memory, authoring: Authoring) -> None:
    started = await authoring.start(US, at(stored(memory, version=2), 2))

    assert started.version == 3


async def test_a_refusal_writes_nothing(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE)
    control, before = arm(memory, experiment, "a"), dict(memory.variants)

    assert [
        type(await outcome(asked))
        for asked in (
            authoring.start(US, at(experiment)),
            authoring.complete(US, at(experiment), "nobody"),
            authoring.update(US, at(experiment), ExperimentUpdate(name="x", metadata=[])),
            authoring.add_variants(US, at(experiment), [NewVariant(name="c", is_control=True)]),
            authoring.add_variants(US, at(experiment), [NewVariant(name="b")]),
            authoring.update_variant(US, control.id, VariantUpdate(label="x", name="y")),
            authoring.deactivate_variant(US, control.id),
            authoring.remove_variant(US, control.id),
        )
    ] == [IllegalTransition, NotFound, Invalid, Invalid, Invalid, Invalid, InUse, InUse]
    assert memory == Memory(experiments={experiment.id: experiment}, variants=before)


async def test_an_update_writes_what_changes(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)

    updated = await authoring.update(
        US, at(experiment), ExperimentUpdate(description=None, metrics=())
    )

    assert updated == replace(experiment, description=None, version=2, updated_at=LATER)
    assert memory.definitions == {experiment.id: []}


async def test_an_update_that_changes_nothing_writes_nothing(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")
    same = ExperimentUpdate(name=experiment.name, description=experiment.description)

    assert await authoring.update(US, at(experiment), same) == experiment
    edited = await authoring.update_variant(US, variant.id, VariantUpdate(label=variant.label))

    assert (edited.experiment, edited.variants) == (experiment, [variant])
    assert memory.writes == 0


async def test_a_rename_to_a_name_that_is_taken_is_refused(
    memory: Memory, authoring: Authoring
) -> None:
    stored(memory, name="pay")
    experiment = stored(memory)

    with pytest.raises(NameTaken):
        await authoring.update(US, at(experiment), ExperimentUpdate(name="pay"))

    assert memory.experiments[experiment.id] == experiment


async def test_a_deleted_experiment_takes_all_with_it(memory: Memory, authoring: Authoring) -> None:
    experiment, other = stored(memory), stored(memory, name="other")
    await authoring.start(US, at(experiment))
    memory.definitions[experiment.id] = [make_metric_definition(experiment_id=experiment.id)]

    assert await authoring.delete(US, at(experiment, version=2)) == experiment.id

    assert list(memory.experiments) == [other.id]
    assert {one.experiment_id for one in memory.variants.values()} == {other.id}
    assert (memory.definitions, memory.phases) == ({}, {})
