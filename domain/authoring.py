"""The use cases of people who design and run experiments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

from domain import arms, editing, lifecycle
from domain.access import Caller
from domain.arms import VariantUpdate
from domain.audit import Deed
from domain.changes import UNSET
from domain.closing import Closing, Closings
from domain.creation import NewExperiment, build_experiment, check_new
from domain.design import Design
from domain.editing import ExperimentUpdate
from domain.epochs import continued
from domain.errors import NotFound, VersionConflict
from domain.experiments import Edit, Experiment, ExperimentKey, ExperimentStore, found
from domain.ids import ProjectId
from domain.variants import NewVariant, Variant, VariantStore

Decision = Callable[..., Edit]  # of a Design, `now`
VariantDecision = Callable[..., Edit]  # of a Design and one of its variants, `now`


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


class TransitionStore(ExperimentStore, Protocol):
    async def save(
        self,
        project: ProjectId,
        seen: Experiment,
        edit: Edit,
        deed: Deed,
        closing: Closing | None = None,
    ) -> Experiment | None:
        """With what the transition leaves behind, if it is one."""
        ...


class Authoring:
    """A decision is made on what was read, and written as the next version of just that. Whoever
    was overtaken decides again on the new state, or hears of it where a version was expected."""

    def __init__(
        self,
        experiments: TransitionStore,
        variants: VariantStore,
        clock: Callable[[], datetime],
        *,
        closings: Closings | None = None,
        announce: Callable[[Experiment], None] = lambda _: None,
        begun: Callable[[Design, Edit, datetime], Edit] = lambda _, edit, __: edit,
    ) -> None:
        """`announce` tells the rest of this process of each change that has been written, `begun`
        says what the phase of a bandit begins with."""
        self._closings = closings
        self._experiments = experiments
        self._variants = variants
        self._clock = clock
        self._announce = announce
        self._begun = begun

    async def create(self, caller: Caller, new: NewExperiment) -> Experiment:
        check_new(new)
        deed = self._deed(caller, "experiment.create")
        design, definitions = build_experiment(caller.project, new, deed.at)
        created = replace(design.experiment, created_by=caller.user)
        await self._experiments.create(caller.project, created, design.variants, definitions, deed)
        self._announce(created)
        return created

    async def start(self, caller: Caller, target: Target) -> Experiment:
        return await self._decide(caller, target, "experiment.start", lifecycle.start)

    async def pause(self, caller: Caller, target: Target) -> Experiment:
        return await self._decide(caller, target, "experiment.pause", lifecycle.pause)

    async def resume(self, caller: Caller, target: Target) -> Experiment:
        return await self._decide(caller, target, "experiment.resume", lifecycle.resume)

    async def archive(self, caller: Caller, target: Target) -> Experiment:
        return await self._decide(caller, target, "experiment.archive", lifecycle.archive)

    async def complete(self, caller: Caller, target: Target, winner: str | None) -> Experiment:
        decision = partial(lifecycle.complete, winner=winner)
        return await self._decide(caller, target, "experiment.complete", decision)

    async def update(self, caller: Caller, target: Target, wanted: ExperimentUpdate) -> Experiment:
        decision = partial(editing.update, wanted=wanted)
        return await self._decide(caller, target, "experiment.update", decision)

    async def delete(self, caller: Caller, target: Target) -> UUID:
        deed = self._deed(caller, "experiment.delete")
        while True:
            experiment = await found(self._experiments, caller.project, target.key)
            target.check(experiment)
            if await self._experiments.delete(caller.project, experiment, deed):
                self._announce(experiment)
                return experiment.id

    async def add_variants(
        self, caller: Caller, target: Target, new: Sequence[NewVariant]
    ) -> Edited:
        decision = partial(arms.add, new=new)
        experiment = await self._decide(caller, target, "variant.create", decision)
        names = {variant.name for variant in new}
        return await self._edited(experiment, lambda variant: variant.name in names)

    async def update_variant(self, caller: Caller, id: UUID, wanted: VariantUpdate) -> Edited:
        decision = partial(arms.change, wanted=wanted)
        return await self._change_variant(caller, id, "variant.update", decision)

    async def deactivate_variant(self, caller: Caller, id: UUID) -> Edited:
        return await self._change_variant(caller, id, "variant.deactivate", arms.deactivate)

    async def reactivate_variant(self, caller: Caller, id: UUID) -> Edited:
        return await self._change_variant(caller, id, "variant.reactivate", arms.reactivate)

    async def remove_variant(self, caller: Caller, id: UUID) -> UUID:
        await self._change_variant(caller, id, "variant.delete", arms.remove)
        return id

    async def _change_variant(
        self, caller: Caller, id: UUID, action: str, decision: VariantDecision
    ) -> Edited:
        meant = (await self._variants.by_ids(caller.project, [id])).get(id)
        if meant is None:
            raise _no_variant()
        key = ExperimentKey(id=meant.experiment_id)

        def decide(design: Design, now: datetime) -> Edit:
            variant = next((known for known in design.variants if known.id == id), None)
            if variant is None:
                raise _no_variant()
            return decision(design, variant, now=now)

        try:
            experiment = await self._decide(caller, Target(key=key), action, decide)
        except NotFound:  # the experiment may be gone by now, and the variant with it
            raise _no_variant() from None
        return await self._edited(experiment, lambda variant: variant.id == id)

    async def _decide(
        self, caller: Caller, target: Target, action: str, decision: Decision
    ) -> Experiment:
        while True:  # each round that is lost is another's that was won
            seen = await found(self._experiments, caller.project, target.key)
            target.check(seen)
            design = Design(experiment=seen, variants=await self._variants_of(seen))
            deed = self._deed(caller, action)
            edit = decision(design, now=deed.at)
            if edit.is_empty:
                return seen
            edit = self._begun(design, await self._continued(design, edit), deed.at)
            closing = await self._closing(seen, edit, deed.at)
            if closing is not None:
                edit = lifecycle.concluded(edit, closing)
                deed = replace(deed, at=max(deed.at, closing.snapshot.taken_at))
            saved = await self._experiments.save(caller.project, seen, edit, deed, closing)
            if saved is not None:
                self._announce(saved)
                return saved

    async def _continued(self, design: Design, edit: Edit) -> Edit:
        """What was expected of a bandit's variants in the phase before is still expected."""
        if edit.phase is None or not design.is_bandit:
            return edit
        seen = design.experiment
        known = await self._experiments.phases_by_experiment(seen.project_id, [seen.id])
        before = known.get(seen.id, ())
        return replace(edit, phase=continued(edit.phase, before))

    async def _closing(self, seen: Experiment, edit: Edit, at: datetime) -> Closing | None:
        status = edit.changes.status
        if status is UNSET or self._closings is None:
            return None
        return await self._closings.of(seen.project_id, seen.id, status, at)

    async def _variants_of(self, experiment: Experiment) -> Sequence[Variant]:
        found = await self._variants.by_experiment(experiment.project_id, [experiment.id])
        return found.get(experiment.id, ())

    async def _edited(self, experiment: Experiment, is_meant: Callable[[Variant], bool]) -> Edited:
        variants = await self._variants_of(experiment)
        return Edited(experiment=experiment, variants=list(filter(is_meant, variants)))

    def _deed(self, caller: Caller, action: str) -> Deed:
        return Deed(actor=caller.actor, action=action, at=self._clock())


def _no_variant() -> NotFound:
    return NotFound("there is no such variant", ("id",))
