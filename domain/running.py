"""The experiments that trackers ask for, remembered by each process with what a decision takes.
Changes of other processes are noticed within a second, our own at once."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from uuid import UUID

from domain.bucketing import BucketRange, ranges
from domain.design import Design
from domain.errors import Unavailable
from domain.experiments import AllocationMode, Experiment, ExperimentKey
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.variants import Variant, VariantStore

LATEST = 1.0  # seconds that a change elsewhere may go unnoticed
_SOON = 0.5  # seconds after which we look again, while others are still served
_REMEMBERED = 2_000
_MAY_WAIT = 10_000

_Asked: TypeAlias = tuple[ProjectId, ExperimentKey, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """An experiment as its users meet it; which may be a draft, or over."""

    experiment: Experiment
    variants: Mapping[UUID, Variant]
    ranges: Sequence[BucketRange]
    definitions: Sequence[MetricDefinition]

    @property
    def is_bandit(self) -> bool:
        return self.experiment.allocation is AllocationMode.THOMPSON

    def named(self, variant: str) -> Variant | None:
        return next((known for known in self.variants.values() if known.name == variant), None)


class Experiments(Protocol):
    async def by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, Experiment]: ...

    async def by_names(
        self, project: ProjectId, names: Collection[str]
    ) -> Mapping[str, Experiment]: ...

    async def active(self, project: ProjectId) -> Sequence[Experiment]:
        """By name."""
        ...

    async def versions(self, experiments: Collection[UUID]) -> Mapping[UUID, int]:
        """Of those that there are, whatever their project."""
        ...


class Definitions(Protocol):
    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]: ...


class RunningExperiments:
    def __init__(
        self,
        experiments: Experiments,
        variants: VariantStore,
        definitions: Definitions,
        seconds: Callable[[], float],
        mended: Callable[[Design], Awaitable[Design]] | None = None,
    ) -> None:
        """`mended` sees to it that the weights of a bandit can be believed."""
        self._mended = mended
        self._experiments = experiments
        self._variants = variants
        self._definitions = definitions
        self._seconds = seconds
        self._known: dict[UUID, Running] = {}
        self._names: dict[tuple[ProjectId, str], UUID] = {}
        self._active: dict[ProjectId, tuple[Sequence[Running], float]] = {}
        self._loading: dict[_Asked, asyncio.Task[Running | None]] = {}
        self._checked = 0.0
        self._check: asyncio.Task[None] | None = None
        self._forgotten = 0
        self._waiting = 0

    async def find(self, project: ProjectId, key: ExperimentKey) -> Running:
        """Raises NotFound."""
        await self._be_fresh()
        meant = self._names.get((project, key.name)) if key.name is not None else key.id
        known = self._known.get(meant) if meant else None
        if known is not None and _is_meant(known.experiment, project, key):
            return known
        asked = project, key, self._forgotten  # not what was asked for before a change of ours
        loading = self._loading.get(asked)
        if loading is None:
            loading = asyncio.create_task(self._load(project, key), context=Context())
            self._loading[asked] = loading
            loading.add_done_callback(lambda _: self._loading.pop(asked))
        found = await asyncio.shield(loading)
        if found is None:
            raise key.missing()
        return found

    async def active(self, project: ProjectId) -> Sequence[Running]:
        """By name."""
        await self._be_fresh()
        known, until = self._active.get(project, ((), 0.0))
        if self._seconds() >= until:
            forgotten, since = self._forgotten, self._seconds()
            known = await self._complete(project, await self._experiments.active(project))
            if forgotten == self._forgotten:
                self._active[project] = known, since + LATEST
        return known

    def forget(self, experiment: Experiment) -> None:
        """It was changed here: that is felt at once."""
        self._drop(experiment.id)
        self._active.pop(experiment.project_id, None)
        self._forgotten += 1

    async def _load(self, project: ProjectId, key: ExperimentKey) -> Running | None:
        forgotten = self._forgotten
        found: Collection[Experiment] = ()
        if key.name is not None:
            found = (await self._experiments.by_names(project, [key.name])).values()
        elif key.id is not None:
            found = (await self._experiments.by_ids(project, [key.id])).values()
        loaded = await self._complete(project, list(found))
        if forgotten == self._forgotten:  # else it may have been read before the change
            self._remember(loaded)
        return loaded[0] if loaded else None

    async def _complete(
        self, project: ProjectId, experiments: Sequence[Experiment]
    ) -> list[Running]:
        ids = [experiment.id for experiment in experiments]
        if not ids:
            return []
        variants, definitions = await asyncio.gather(
            self._variants.by_experiment(project, ids),
            self._definitions.definitions_by_experiment(project, ids),
        )
        return [
            _running(
                await self._settled(Design(experiment=each, variants=variants.get(each.id, ()))),
                definitions.get(each.id, ()),
            )
            for each in experiments
        ]

    async def _settled(self, design: Design) -> Design:
        return design if self._mended is None else await self._mended(design)

    def _remember(self, loaded: Sequence[Running]) -> None:
        for each in loaded:
            experiment = each.experiment
            self._known[experiment.id] = each
            self._names[experiment.project_id, experiment.name] = experiment.id
        while len(self._known) > _REMEMBERED:
            self._drop(next(iter(self._known)))

    def _drop(self, id: UUID) -> None:
        dropped = self._known.pop(id, None)
        if dropped is not None:
            experiment = dropped.experiment
            self._names.pop((experiment.project_id, experiment.name), None)

    async def _be_fresh(self) -> None:
        age = self._seconds() - self._checked
        if age < _SOON:
            return
        if self._check is None:
            self._check = asyncio.create_task(self._look_again(), context=Context())
            self._check.add_done_callback(_heard)
        if age >= LATEST:
            await self._checked_at_last(self._check)

    async def _checked_at_last(self, check: "asyncio.Task[None]") -> None:
        if self._waiting >= _MAY_WAIT:
            raise Unavailable
        self._waiting += 1
        try:
            await asyncio.shield(check)
        finally:
            self._waiting -= 1

    async def _look_again(self) -> None:
        """One statement for all that is remembered."""
        since = self._seconds()
        try:
            if self._known:
                present = await self._experiments.versions(list(self._known))
                for known in list(self._known.values()):
                    experiment = known.experiment
                    if present.get(experiment.id) != experiment.version:
                        self._drop(experiment.id)
            self._checked = since
        finally:
            self._check = None


def _heard(check: "asyncio.Task[None]") -> None:
    """Of a check that failed those hear who wait for it, if there are any."""
    if not check.cancelled():
        check.exception()


def _running(design: Design, definitions: Sequence[MetricDefinition]) -> Running:
    """A bandit's ranges are whole: who takes part is found out apart."""
    shares = [(each.id, each.traffic_weight) for each in design.active]
    coverage = 1.0 if design.is_bandit else design.experiment.traffic_allocation
    return Running(
        experiment=design.experiment,
        variants={each.id: each for each in design.variants},
        ranges=ranges(shares, coverage),
        definitions=definitions,
    )


def _is_meant(experiment: Experiment, project: ProjectId, key: ExperimentKey) -> bool:
    if experiment.project_id != project:
        return False
    return key.name is None or experiment.name == key.name
