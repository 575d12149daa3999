"""What trackers meet, in memory: the log, and stores that can be held up or fail."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from anyio.lowlevel import checkpoint

from domain.assignments import Assignment, NotAssigned
from domain.bucketing import ranges
from domain.design import Design
from domain.experiments import Experiment
from domain.ids import ProjectId
from domain.metrics import Metric, MetricDefinition
from domain.reporting import Recorded, Report
from domain.running import Running
from domain.tracking import Outcome, User
from tests.factories import make_metric_definition
from tests.fakes import FakeExperiments, Memory


def make_running(design: Design, *definitions: Mapping[str, Any]) -> Running:
    experiment = design.experiment
    shares = [(each.id, each.traffic_weight) for each in design.variants if each.is_active]
    return Running(
        experiment=experiment,
        variants={each.id: each for each in design.variants},
        ranges=ranges(shares, experiment.traffic_allocation),
        definitions=[
            make_metric_definition(**{"experiment_id": experiment.id, **given})
            for given in definitions
        ],
    )


@dataclass(slots=True)
class FakeLog:
    """`calls` are those that it got, and how many items each had."""

    held: dict[User, Assignment] = field(default_factory=dict)
    events: dict[tuple[UUID, str, str], Metric] = field(default_factory=dict)
    calls: list[tuple[str, int]] = field(default_factory=list)
    fault: Exception | None = None

    async def find(self, users: Sequence[User]) -> Sequence[Outcome[Assignment | None]]:
        await self._called("find", users)
        return [self.fault or self.held.get(user) for user in users]

    async def enrol(self, assignments: Sequence[Assignment]) -> Sequence[Outcome[Assignment]]:
        await self._called("enrol", assignments)
        return [self.fault or self._enrolled(each) for each in assignments]

    async def convert(self, reports: Sequence[Report]) -> Sequence[Outcome[Recorded]]:
        await self._called("convert", reports)
        return [self.fault or self._recorded(each) for each in reports]

    async def track(self, reports: Sequence[Report]) -> Sequence[Outcome[Recorded]]:
        await self._called("track", reports)
        return [self.fault or self._recorded(each) for each in reports]

    async def _called(self, name: str, items: Sequence[object]) -> None:
        await checkpoint()
        self.calls.append((name, len(items)))

    def _enrolled(self, wanted: Assignment) -> Assignment:
        return self.held.setdefault((wanted.experiment_id, wanted.user_id), wanted)

    def _recorded(self, report: Report) -> Outcome[Recorded]:
        user = self.held.get(report.user)
        if user is None:
            return NotAssigned()
        metric = report.of(user)
        if report.event is not None:
            metric = self.events.setdefault(report.event, metric)
        is_new = metric.id == report.id
        if report.is_conversion and is_new:
            user = self.held[report.user] = replace(
                user,
                has_converted=True,
                converted_at=report.happened_at,
                conversion_value=report.value,
            )
        return Recorded(metric=metric, assignment=user, is_new=is_new)


class FakeDefinitions:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def definitions_by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[MetricDefinition]]:
        await checkpoint()
        seen = (one.id for one in self._memory.seen_by(project) if one.id in experiments)
        return {one: found for one in seen if (found := self._memory.definitions.get(one))}


class SlowExperiments(FakeExperiments):
    """Answers with what it found when it was asked, as soon as it is `open`; `asked` says for
    what. With a fault it answers nothing."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        self.fault: Exception | None = None

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Experiment]:
        found = await super().by_ids(project, ids)
        await self._answered("by_ids")
        return found

    async def by_names(
        self, project: ProjectId, names: Collection[str]
    ) -> Mapping[str, Experiment]:
        found = await super().by_names(project, names)
        await self._answered("by_names")
        return found

    async def active(self, project: ProjectId) -> Sequence[Experiment]:
        found = await super().active(project)
        await self._answered("active")
        return found

    async def versions(self, experiments: Collection[UUID]) -> Mapping[UUID, int]:
        found = await super().versions(experiments)
        await self._answered("versions")
        return found

    async def _answered(self, question: str) -> None:
        self.asked.append(question)
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
