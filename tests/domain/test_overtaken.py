from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import anyio
import pytest

from domain.arms import VariantUpdate
from domain.audit import Deed
from domain.authoring import Authoring
from domain.closing import Closing
from domain.editing import ExperimentUpdate
from domain.errors import Invalid, InvalidInput, NotFound, VersionConflict
from domain.experiments import Edit, Experiment, ExperimentStatus
from domain.ids import ProjectId
from domain.lifecycle import IllegalTransition
from domain.variants import NewVariant, Variant
from tests.domain.stored import LATER, US, arm, at, outcome, stored
from tests.fakes import FakeExperiments, FakeVariants, Memory

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
        self,
        project: ProjectId,
        seen: Experiment,
        edit: Edit,
        deed: Deed,
        closing: Closing | None = None,
    ) -> Experiment | None:
        await self._overtaken.strike()
        return await super().save(project, seen, edit, deed, closing)

    async def delete(self, project: ProjectId, seen: Experiment, deed: Deed) -> bool:
        await self._overtaken.strike()
        return await super().delete(project, seen, deed)


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


async def outcomes(asked: list[Awaitable[object]]) -> list[object]:
    found: list[object] = []

    async def hear(one: Awaitable[object]) -> None:
        found.append(await outcome(one))

    async with anyio.create_task_group() as group:
        for one in asked:
            group.start_soon(hear, one)
    return found


async def test_of_twenty_starts_at_once_one_wins(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)

    found = await outcomes([authoring.start(US, at(experiment)) for _ in range(20)])

    assert sum(isinstance(one, Experiment) for one in found) == 1
    assert sum(isinstance(one, IllegalTransition) for one in found) == 19
    assert (memory.writes, memory.experiments[experiment.id].version) == (1, 2)
    assert [phase.number for phase in memory.phases[experiment.id]] == [1]


async def test_of_twenty_starts_of_one_version_one_wins(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)

    found = await outcomes([authoring.start(US, at(experiment, 1)) for _ in range(20)])

    conflicts = [one for one in found if isinstance(one, VersionConflict)]
    assert sum(isinstance(one, Experiment) for one in found) == 1
    assert [one.current_version for one in conflicts] == [2] * 19
    assert memory.writes == 1


async def test_of_twenty_deletions_at_once_one_wins(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory)

    found = await outcomes([authoring.delete(US, at(experiment)) for _ in range(20)])

    assert found.count(experiment.id) == 1
    assert sum(isinstance(one, NotFound) for one in found) == 19
    assert memory.writes == 1


async def test_twenty_additions_at_once_are_all_kept(memory: Memory, authoring: Authoring) -> None:
    experiment = stored(memory, status=ExperimentStatus.ACTIVE, phase=1)

    await outcomes(
        [
            authoring.add_variants(
                US, at(experiment), [NewVariant(name=f"n{n}", traffic_weight=0.01)]
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
    overtaken = Overtaken([lambda: authoring.start(US, at(experiment))])
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    updated = await slow.update(US, at(experiment), ExperimentUpdate(traffic_allocation=0.5))

    assert (updated.version, updated.phase) == (3, 2)
    assert [phase.traffic_allocation for phase in memory.phases[experiment.id]] == [1.0, 0.5]


async def test_who_was_overtaken_may_be_refused_by_the_new_state(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken([lambda: authoring.archive(US, at(experiment))])
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    with pytest.raises(InvalidInput, match=r"^the experiment is ARCHIVED: its variants cannot"):
        await slow.add_variants(US, at(experiment), [NewVariant(name="c")])

    assert memory.writes == 1


async def test_who_expected_a_version_and_was_overtaken_hears_of_it(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken(
        [lambda: authoring.update(US, at(experiment), ExperimentUpdate(description=None))]
    )
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    refusal = await outcome(slow.start(US, at(experiment, 1)))

    assert isinstance(refusal, VersionConflict)
    assert memory.experiments[experiment.id].status is ExperimentStatus.DRAFT


async def test_a_deletion_that_was_overtaken_is_tried_again(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    overtaken = Overtaken(
        [lambda: authoring.update(US, at(experiment), ExperimentUpdate(description=None))]
    )
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    assert await slow.delete(US, at(experiment)) == experiment.id

    assert memory.experiments == {}


async def test_a_variant_that_was_removed_in_the_meantime_is_not_found(
    memory: Memory, authoring: Authoring
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")
    overtaken = Overtaken([lambda: authoring.remove_variant(US, variant.id)])
    slow = Authoring(OvertakenExperiments(memory, overtaken), FakeVariants(memory), lambda: LATER)

    refusal = await outcome(slow.update_variant(US, variant.id, VariantUpdate(label="x")))

    assert isinstance(refusal, NotFound)
    assert refusal.path == ("id",)
    assert memory.writes == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_variants_of_one_version_are_never_written_as_those_of_another(
    memory: Memory, authoring: Authoring, moment: str
) -> None:
    experiment = stored(memory)
    variant = arm(memory, experiment, "b")
    rival = partial(authoring.update_variant, US, variant.id, VariantUpdate(traffic_weight=0.4))
    overtaken = {"before": Overtaken(), "after": Overtaken()} | {moment: Overtaken([rival])}
    slow = Authoring(FakeExperiments(memory), OvertakenVariants(memory, **overtaken), lambda: LATER)

    refusal = await outcome(slow.start(US, at(experiment)))

    assert isinstance(refusal, Invalid)
    assert "they sum to 0.9" in str(refusal)
    assert memory.experiments[experiment.id].status is ExperimentStatus.DRAFT
