"""The use cases of people who design funnels and look at what comes of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.access import Caller
from domain.audit import Deed
from domain.checks import Checks
from domain.errors import NotFound
from domain.experiments import ExperimentKey, KeyedExperiments, found
from domain.funnel_design import FunnelUpdate, NewFunnel, build, update
from domain.funnels import (
    Funnel,
    FunnelLinkReport,
    FunnelReport,
    FunnelStepReport,
    FunnelStore,
    FunnelVariantReport,
    LinkPassage,
    Passage,
    Path,
)
from domain.ids import ProjectId
from domain.variants import Variant

_MAX_WINDOW_HOURS = 24 * 366


class Variants(Protocol):
    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]: ...


class Funnelling:
    def __init__(self, funnels: FunnelStore, clock: Callable[[], datetime]) -> None:
        self._funnels = funnels
        self._clock = clock

    async def create(self, caller: Caller, new: NewFunnel) -> Funnel:
        deed = self._deed(caller, "funnel.create")
        funnel, path = build(caller.project, new, deed.at)
        await self._funnels.create(funnel, path, deed)
        return funnel

    async def update(self, caller: Caller, id: UUID, wanted: FunnelUpdate) -> Funnel:
        while True:  # each round that is lost is another's that was won
            seen = (await self._funnels.by_ids(caller.project, [id])).get(id)
            if seen is None:
                raise _no_funnel()
            edit = update(seen, await _path_of(self._funnels, seen), wanted)
            if edit.is_empty:
                return seen
            deed = self._deed(caller, "funnel.update")
            saved = await self._funnels.save(caller.project, seen, edit, deed)
            if saved is not None:
                return saved

    async def delete(self, caller: Caller, id: UUID) -> UUID:
        deed = self._deed(caller, "funnel.delete")
        if not await self._funnels.delete(caller.project, id, deed):
            raise _no_funnel()
        return id

    def _deed(self, caller: Caller, action: str) -> Deed:
        return Deed(actor=caller.actor, action=action, at=self._clock())


class FunnelReports:
    def __init__(
        self, funnels: FunnelStore, experiments: KeyedExperiments, variants: Variants
    ) -> None:
        self._funnels = funnels
        self._experiments = experiments
        self._variants = variants

    async def report(
        self, funnel: Funnel, key: ExperimentKey, window_hours: float | None
    ) -> FunnelReport:
        """Raises NotFound for an experiment that is none of the funnel's project."""
        checks = Checks()
        checks.inside(("window_hours",), window_hours, 0, _MAX_WINDOW_HOURS)
        checks.done()
        project = funnel.project_id
        path = await _path_of(self._funnels, funnel)
        experiment = (await found(self._experiments, project, key)).id
        variants = (await self._variants.by_experiment(project, [experiment])).get(experiment, ())
        within = None if window_hours is None else timedelta(hours=window_hours)
        passages = await self._funnels.passages(project, experiment, path, within)
        return FunnelReport(
            variants=[
                _reported(variant, path, passages.get(variant.id))
                for variant in variants
                if variant.is_active or variant.id in passages
            ]
        )


async def _path_of(funnels: FunnelStore, funnel: Funnel) -> Path:
    path = (await funnels.paths(funnel.project_id, [funnel.id])).get(funnel.id)
    if path is None:
        raise _no_funnel()
    return path


def _reported(variant: Variant, path: Path, passage: Passage | None) -> FunnelVariantReport:
    if passage is None:
        passage = _nobodys(path)
    reached = {step.id: users for step, users in zip(path.steps, passage.reached, strict=True)}
    return FunnelVariantReport(
        variant=variant,
        steps=[
            FunnelStepReport(
                step=step,
                users=reached[step.id],
                share_of_first=_share(reached[step.id], passage.began),
                share_of_previous=_share(reached[step.id], before),
            )
            for step, before in zip(path.steps, passage.before, strict=True)
        ],
        links=[
            FunnelLinkReport(
                link=link,
                users=taken.users,
                share=_share(taken.users, reached[link.source.id]),
                median_seconds=taken.median_seconds,
            )
            for link, taken in zip(path.links, passage.links, strict=True)
        ],
    )


def _nobodys(path: Path) -> Passage:
    nobody = [0 for _ in path.steps]
    unused = [LinkPassage(users=0, median_seconds=None) for _ in path.links]
    return Passage(began=0, reached=nobody, before=nobody, links=unused)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _no_funnel() -> NotFound:
    return NotFound("there is no such funnel", ("id",))
