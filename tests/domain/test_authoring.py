from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import anyio
import pytest

from domain import arms, lifecycle
from domain.arms import VariantUpdate
from domain.authoring import Authoring, Target
from domain.creation import NewExperiment
from domain.editing import ExperimentUpdate
from domain.errors import (
    DomainError,
    InUse,
    Invalid,
    InvalidInput,
    NameTaken,
    NotFound,
    VersionConflict,
)
from domain.experiments import Edit, Experiment, ExperimentKey, ExperimentStatus
from domain.ids import NIL, ProjectId
from domain.lifecycle import IllegalTransition
from domain.metrics import MetricAggregation, MetricRole, NewMetricDefinition
from domain.variants import NewVariant, Variant
from tests.factories import NOON, make_experiment, make_metric_definition, make_variant
from tests.fakes import FakeExperiments, FakeVariants, Memory

HOME = ProjectId(NIL)
ELSEWHERE = ProjectId(UUID(int=1))
LATER = NOON + timedelta(hours=1)
Rival = Callable[[], Awaitable[object]]


@dataclass
class Overtaken:
    """Before the first write of each, somebody else is faster."""

    rivals: list[Rival] = field(default_factory=list)

    async def strike(self) -> None:
        if self.rivals:
            await self.rivals.pop(0)()


class OvertakenExperiments(FakeExperiments):
    def __init__(self, memory: Memory, overtaken: Overtaken) -> None:
        super().__init__(memory)
        self._overtaken = overtaken

    async def save(
        self, project: ProjectId, seen: Experiment, edit: Edit, now: datetime
    ) -> Experiment | None:
        await self._overtaken.strike()
        return await super().save(project, seen, edit, now)

    async def delete(self, project: ProjectId, seen: Experiment) -> bool:
        await self._overtaken.strike()
        return await super().delete(project, seen)


class OvertakenVariants(FakeVariants):
    def __init__(self, memory: Memory, before: Overtaken, after: Overtaken) -> None:
        super().__init__(memory)
        self._before, self._after = before, after

    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]:
        await self._before.strike()
        found = await super().by_experiment(project, experiments)
        await self._after.strike()
        return found


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def authoring(memory: Memory) -> Authoring:
    return Authoring(FakeExperiments(memory), FakeVariants(memory), lambda: LATER)


def stored(memory: Memory, **changes: Any) -> Experiment:
    """With the control a and with b, at half of the traffic each."""
    experiment = make_experiment(**({"name": "checkout"} | changes))
    variants = [
        make_variant(name=name, experiment_id=experiment.id, is_control=name == "a", position=place)
        for place, name in enumerate(("a", "b"))
    ]
    memory.put(experiment, variants)
    return experiment


def arm(memory: Memory, experiment: Experiment, name: str) -> Variant:
    return next(one for one in memory.of(experiment.id) if one.name == name)


def at(experiment: Experiment, version: int | None = None) -> Target:
    return Target(key=ExperimentKey(id=experiment.id), expected_version=version)


async def outcome(asked: Awaitable[object]) -> object:
    try:
        return await asked
    except (DomainError, Invalid) as refusal:
        return refusal


async def outcomes(asked: list[Awaitable[object]]) -> list[object]:
    found: list[object] = []

    async def hear(one: Awaitable[object]) -> None:
        found.append(await outcome(one))

    async with anyio.create_task_group() as group:
        for one in asked:
            group.start_soon(hear, one)
    return found


async def test_an_experiment_is_created_with_all_that_belongs_to_it(
    memory: Memory, authoring: Authoring
) -> None:
    orders = NewMetricDefinition(
        name="orders",
        event_type="order",
        aggregation=MetricAggregation.BINARY,
        role=MetricRole.PRIMARY,
    )
    new = NewExperiment(name="checkout", metrics=[orders], variants=[NewVariant(name="a")])

    made = await authoring.create(HOME, new)

    assert memory.experiments == {made.id: made}
    assert (made.project_id, made.created_at, made.version) == (HOME, LATER, 1)
    assert [one.name for one in memory.of(made.id)] == ["a"]
    assert [one.name for one in memory.definitions[made.id]] == ["orders"]


async def test_nothing_is_written_of_a_wrong_experiment(
    memory: Memory, authoring: Authoring
) -> None:
    with pytest.raises(Invalid):
        await authoring.create(HOME, NewExperiment(name="", variants=[NewVariant(name="a")]))

    assert memory == Memory()


async def test_a_name_is_taken_once_in_a_project(memory: Memory, authoring: Authoring) -> None:
    await authoring.create(HOME, NewExperiment(name="checkout"))

    with pytest.raises(NameTaken):
        await authoring.create(HOME, NewExperiment(name="checkout"))
    await authoring.create(ELSEWHERE, NewExperiment(name="checkout"))

    assert memory.writes == 2


@pytest.mark.parametrize("by", ["id", "name"])
async def test_an_experiment_is_moved_by_id_or_name(
    memory: Memory, authoring: Authoring, by: str
) -> None:
    draft = stored(memory)
    key = ExperimentKey(id=draft.id) if by == "id" else ExperimentKey(name="checkout")

    started = await authoring.move(HOME, Target(key=key), lifecycle.start)

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

    await authoring.move(HOME, target, lifecycle.start)
    await authoring.move(HOME, target, lifecycle.pause)
    await authoring.move(HOME, target, lifecycle.resume)
    completed = await authoring.complete(HOME, target, "b")
    archived = await authoring.move(HOME, target, lifecycle.archive)

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
        authoring.move(HOME, Target(key=key), lifecycle.start),
        authoring.complete(HOME, Target(key=key), None),
        authoring.update(HOME, Target(key=key), ExperimentUpdate(name="")),
        authoring.add_variants(HOME, Target(key=key), []),
        authoring.delete(HOME, Target(key=key)),
    ):
        assert isinstance(await outcome(asked), NotFound)
    assert memory.writes == 0


async def test_what_is_of_another_project_is_not_there(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")

    for asked in (
        authoring.move(ELSEWHERE, at(experiment), lifecycle.start),
        authoring.delete(ELSEWHERE, at(experiment, version=9)),
        authoring.update_variant(ELSEWHERE, variant.id, VariantUpdate(label="x")),
        authoring.remove_variant(ELSEWHERE, variant.id),
    ):
        assert isinstance(await outcome(asked), NotFound)
    assert memory.writes == 0


@pytest.mark.parametrize("version", [0, 1, 3, -1])
async def test_another_version_than_expected_is_a_conflict(
    memory: Memory, authoring: Authoring, version: int
) -> None:
    target = at(stored(memory, version=2), version)

    for asked in (
        authoring.move(HOME, target, lifecycle.start),
        authoring.complete(HOME, target, None),
        authoring.update(HOME, target, ExperimentUpdate()),
        authoring.add_variants(HOME, target, [NewVariant(name="c")]),
        authoring.delete(HOME, target),
    ):
        refusal = await outcome(asked)
        assert isinstance(refusal, VersionConflict)
        assert refusal.current_version == 2
    assert memory.writes == 0


async def test_the_version_expected_is_let_through(memory: Memory, authoring: Authoring) -> None:
    started = await authoring.move(HOME, at(stored(memory, version=2), 2), lifecycle.start)

    assert started.version == 3


async def test_a_refusal_writes_nothing(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE)
    control, before = arm(memory, experiment, "a"), dict(memory.variants)

    assert [
        type(await outcome(asked))
        for asked in (
            authoring.move(HOME, at(experiment), lifecycle.start),
            authoring.complete(HOME, at(experiment), "nobody"),
            authoring.update(HOME, at(experiment), ExperimentUpdate(name="x", metadata=[])),
            authoring.add_variants(HOME, at(experiment), [NewVariant(name="c", is_control=True)]),
            authoring.add_variants(HOME, at(experiment), [NewVariant(name="b")]),
            authoring.update_variant(HOME, control.id, VariantUpdate(label="x", name="y")),
            authoring.change_variant(HOME, control.id, arms.deactivate),
            authoring.remove_variant(HOME, control.id),
        )
    ] == [IllegalTransition, NotFound, Invalid, Invalid, NameTaken, Invalid, InUse, InUse]
    assert memory == Memory(experiments={experiment.id: experiment}, variants=before)


async def test_an_update_writes_what_changes(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)

    updated = await authoring.update(
        HOME, at(experiment), ExperimentUpdate(description=None, metrics=())
    )

    assert updated == replace(experiment, description=None, version=2, updated_at=LATER)
    assert memory.definitions == {experiment.id: []}


async def test_an_update_that_changes_nothing_writes_nothing(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")
    same = ExperimentUpdate(name=experiment.name, description=experiment.description)

    assert await authoring.update(HOME, at(experiment), same) == experiment
    edited = await authoring.update_variant(HOME, variant.id, VariantUpdate(label=variant.label))

    assert (edited.experiment, edited.variants) == (experiment, [variant])
    assert memory.writes == 0


async def test_a_rename_to_a_name_that_is_taken_is_refused(
    memory: Memory, authoring: Authoring
) -> None:
    stored(memory, name="pay")
    experiment = stored(memory)

    with pytest.raises(NameTaken):
        await authoring.update(HOME, at(experiment), ExperimentUpdate(name="pay"))

    assert memory.experiments[experiment.id] == experiment


async def test_added_variants_are_handed_back_without_the_others(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE, phase=1)

    edited = await authoring.add_variants(
        HOME, at(experiment), [NewVariant(name="c", traffic_weight=0.5)]
    )

    assert (edited.experiment.version, edited.experiment.phase) == (2, 2)
    assert [(one.name, one.traffic_weight) for one in edited.variants] == [("c", 0.5)]
    assert [one.traffic_weight for one in memory.of(experiment.id)] == [0.25, 0.25, 0.5]
    [phase] = memory.phases[experiment.id]
    assert phase.weights == {"a": 0.25, "b": 0.25, "c": 0.5}


async def test_a_changed_variant_is_handed_back(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")

    edited = await authoring.update_variant(HOME, variant.id, VariantUpdate(label="New"))

    assert edited.variants == [replace(variant, label="New", updated_at=LATER)]
    assert edited.experiment.version == 2


async def test_a_variant_goes_and_comes_back(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE, phase=1)
    variant = arm(memory, experiment, "b")

    gone = await authoring.change_variant(HOME, variant.id, arms.deactivate)
    back = await authoring.change_variant(HOME, variant.id, arms.reactivate)

    assert [one.is_active for one in (*gone.variants, *back.variants)] == [False, True]
    assert [phase.weights for phase in memory.phases[experiment.id]] == [
        {"a": 1.0},
        {"a": 0.5, "b": 0.5},
    ]


async def test_a_variant_is_removed_from_a_draft(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")

    assert await authoring.remove_variant(HOME, variant.id) == variant.id

    assert [one.name for one in memory.of(experiment.id)] == ["a"]
    assert memory.experiments[experiment.id].default_traffic_split == {"a": 0.5}
    assert isinstance(await outcome(authoring.remove_variant(HOME, variant.id)), NotFound)


async def test_a_deleted_experiment_takes_all_with_it(memory: Memory, authoring: Authoring) -> None:
    experiment, other = stored(memory), stored(memory, name="other")
    await authoring.move(HOME, at(experiment), lifecycle.start)
    memory.definitions[experiment.id] = [make_metric_definition(experiment_id=experiment.id)]

    assert await authoring.delete(HOME, at(experiment, version=2)) == experiment.id

    assert list(memory.experiments) == [other.id]
    assert {one.experiment_id for one in memory.variants.values()} == {other.id}
    assert (memory.definitions, memory.phases) == ({}, {})


async def test_of_twenty_starts_at_once_one_wins(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)

    found = await outcomes(
        [authoring.move(HOME, at(experiment), lifecycle.start) for _ in range(20)]
    )

    assert sum(isinstance(one, Experiment) for one in found) == 1
    assert sum(isinstance(one, IllegalTransition) for one in found) == 19
    assert (memory.writes, memory.experiments[experiment.id].version) == (1, 2)
    assert [phase.number for phase in memory.phases[experiment.id]] == [1]


async def test_of_twenty_starts_of_one_version_one_wins(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)

    found = await outcomes(
        [authoring.move(HOME, at(experiment, 1), lifecycle.start) for _ in range(20)]
    )

    conflicts = [one for one in found if isinstance(one, VersionConflict)]
    assert sum(isinstance(one, Experiment) for one in found) == 1
    assert [one.current_version for one in conflicts] == [2] * 19
    assert memory.writes == 1


async def test_of_twenty_deletions_at_once_one_wins(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)

    found = await outcomes([authoring.delete(HOME, at(experiment)) for _ in range(20)])

    assert found.count(experiment.id) == 1
    assert sum(isinstance(one, NotFound) for one in found) == 19
    assert memory.writes == 1


async def test_twenty_additions_at_once_are_all_kept(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE, phase=1)

    await outcomes(
        [
            authoring.add_variants(
                HOME, at(experiment), [NewVariant(name=f"n{n}", traffic_weight=0.01)]
            )
            for n in range(20)
        ]
    )

    after = memory.of(experiment.id)
    assert [one.position for one in after] == list(range(22))
    assert sum(one.traffic_weight for one in after) == pytest.approx(1.0, rel=0, abs=1e-12)
    assert [phase.number for phase in memory.phases[experiment.id]] == list(range(2, 22))
    assert memory.experiments[experiment.id].version == 21


async def test_who_was_overtaken_decides_again_on_the_new_state(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken([lambda: authoring.move(HOME, at(experiment), lifecycle.start)])
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    updated = await slow.update(HOME, at(experiment), ExperimentUpdate(traffic_allocation=0.5))

    assert (updated.version, updated.phase) == (3, 2)
    assert [phase.traffic_allocation for phase in memory.phases[experiment.id]] == [1.0, 0.5]


async def test_who_was_overtaken_may_be_refused_by_the_new_state(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken([lambda: authoring.move(HOME, at(experiment), lifecycle.archive)])
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    with pytest.raises(InvalidInput, match=r"^the variants of a ARCHIVED experiment"):
        await slow.add_variants(HOME, at(experiment), [NewVariant(name="c")])

    assert memory.writes == 1


async def test_who_expected_a_version_and_was_overtaken_hears_of_it(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken(
        [lambda: authoring.update(HOME, at(experiment), ExperimentUpdate(description=None))]
    )
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    refusal = await outcome(slow.move(HOME, at(experiment, 1), lifecycle.start))

    assert isinstance(refusal, VersionConflict)
    assert memory.experiments[experiment.id].status is ExperimentStatus.DRAFT


async def test_a_deletion_that_was_overtaken_is_tried_again(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken(
        [lambda: authoring.update(HOME, at(experiment), ExperimentUpdate(description=None))]
    )
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    assert await slow.delete(HOME, at(experiment)) == experiment.id

    assert memory.experiments == {}


async def test_a_variant_that_was_removed_in_the_meantime_is_not_found(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")
    overtaken = Overtaken([lambda: authoring.remove_variant(HOME, variant.id)])
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    refusal = await outcome(slow.update_variant(HOME, variant.id, VariantUpdate(label="x")))

    assert isinstance(refusal, NotFound)
    assert refusal.path == ("id",)
    assert memory.writes == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_variants_of_one_version_are_never_written_as_those_of_another(
    memory: Memory, authoring: Authoring, moment: str
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")
    rival = partial(authoring.update_variant, HOME, variant.id, VariantUpdate(traffic_weight=0.4))
    overtaken = {"before": Overtaken(), "after": Overtaken()} | {moment: Overtaken([rival])}
    slow = Authoring(FakeExperiments(memory), OvertakenVariants(memory, **overtaken), lambda: LATER)

    refusal = await outcome(slow.move(HOME, at(experiment), lifecycle.start))

    assert isinstance(refusal, Invalid)
    assert "they sum to 0.9" in str(refusal)
    assert memory.experiments[experiment.id].status is ExperimentStatus.DRAFT
