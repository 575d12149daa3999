"""The use cases of people who design and run experiments."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain import arms, editing, lifecycle
from domain.arms import VariantUpdate
from domain.creation import NewExperiment, build_experiment, check_new
from domain.design import Design
from domain.editing import ExperimentUpdate
from domain.errors import NotFound, VersionConflict
from domain.experiments import Edit, Experiment, ExperimentKey, ExperimentStore
from domain.ids import ProjectId
from domain.variants import NewVariant, Variant, VariantStore

Decision = Callable[[Design, datetime], Edit]
VariantDecision = Callable[[Design, Variant, datetime], Edit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The experiment that is meant and, where the caller names it, the version that was seen."""

    key: ExperimentKey
    expected_version: int | None = None

    def check(self, experiment: Experiment) -> None:
        expected = self.expected_version
        if expected is not None and expected != experiment.version:
            raise VersionConflict(expected, experiment.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    experiment: Experiment
    variants: Sequence[Variant]


class Authoring:
    """A decision is made on what was read, and written as the next version of just that. Whoever
    was overtaken decides again on the new state, or hears of it where a version was expected."""

    def __init__(
        self,
        experiments: ExperimentStore,
        variants: VariantStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._experiments = experiments
        self._variants = variants
        self._clock = clock

    async def create(self, project: ProjectId, new: NewExperiment) -> Experiment:
        check_new(new)
        design, definitions = build_experiment(project, new, self._clock())
        await self._experiments.create(project, design.experiment, design.variants, definitions)
        return design.experiment

    async def move(self, project: ProjectId, target: Target, decision: Decision) -> Experiment:
        """One of the lifecycle's decisions: start, pause, resume, archive."""
        return await self._decide(project, target, decision)

    async def complete(self, project: ProjectId, target: Target, winner: str | None) -> Experiment:
        return await self._decide(
            project, target, lambda design, now: lifecycle.complete(design, winner, now)
        )

    async def update(
        self, project: ProjectId, target: Target, wanted: ExperimentUpdate
    ) -> Experiment:
        return await self._decide(
            project, target, lambda design, now: editing.update(design, wanted, now)
        )

    async def delete(self, project: ProjectId, target: Target) -> UUID:
        while True:
            experiment = await self._find(project, target.key)
            target.check(experiment)
            if await self._experiments.delete(project, experiment):
                return experiment.id

    async def add_variants(
        self, project: ProjectId, target: Target, new: Sequence[NewVariant]
    ) -> Edited:
        names = {variant.name for variant in new}
        experiment = await self._decide(
            project, target, lambda design, now: arms.add(design, new, now)
        )
        variants = await self._of(project, experiment)
        return Edited(
            experiment=experiment,
            variants=[variant for variant in variants if variant.name in names],
        )

    async def update_variant(self, project: ProjectId, id: UUID, wanted: VariantUpdate) -> Edited:
        return await self.change_variant(
            project, id, lambda design, variant, now: arms.change(design, variant, wanted, now)
        )

    async def change_variant(
        self, project: ProjectId, id: UUID, decision: VariantDecision
    ) -> Edited:
        """One of the decisions on a variant: deactivate, reactivate."""
        experiment = await self._decide_variant(project, id, decision)
        variants = await self._of(project, experiment)
        return Edited(
            experiment=experiment,
            variants=[variant for variant in variants if variant.id == id],
        )

    async def remove_variant(self, project: ProjectId, id: UUID) -> UUID:
        await self._decide_variant(project, id, arms.remove)
        return id

    async def _decide_variant(
        self, project: ProjectId, id: UUID, decision: VariantDecision
    ) -> Experiment:
        found = (await self._variants.by_ids(project, [id])).get(id)
        if found is None:
            raise _no_variant()
        key = ExperimentKey(id=found.experiment_id)

        def decide(design: Design, now: datetime) -> Edit:
            variant = next((known for known in design.variants if known.id == id), None)
            if variant is None:
                raise _no_variant()
            return decision(design, variant, now)

        return await self._decide(project, Target(key=key), decide)

    async def _decide(self, project: ProjectId, target: Target, decision: Decision) -> Experiment:
        while True:  # each round that is lost is another's that was won
            seen = await self._find(project, target.key)
            target.check(seen)
            design = Design(experiment=seen, variants=await self._of(project, seen))
            now = self._clock()
            edit = decision(design, now)
            if edit.is_empty:
                return seen
            saved = await self._experiments.save(project, seen, edit, now)
            if saved is not None:
                return saved

    async def _find(self, project: ProjectId, key: ExperimentKey) -> Experiment:
        found: Collection[Experiment] = ()
        if key.id is not None:
            found = (await self._experiments.by_ids(project, [key.id])).values()
        elif key.name is not None:
            found = (await self._experiments.by_names(project, [key.name])).values()
        for experiment in found:
            return experiment
        raise key.missing()

    async def _of(self, project: ProjectId, experiment: Experiment) -> Sequence[Variant]:
        variants = await self._variants.by_experiment(project, [experiment.id])
        return variants.get(experiment.id, ())


def _no_variant() -> NotFound:
    return NotFound("there is no such variant", ("id",))
