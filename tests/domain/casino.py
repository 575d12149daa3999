"""A server with bandits on it: the clock is set by hand, the stores are in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from anyio.lowlevel import checkpoint

from domain import lifecycle
from domain.adapting import Adapting, Bandit
from domain.analysis.sums import Sums
from domain.bandits import ArmState, Beliefs
from domain.design import Design
from domain.errors import Unavailable
from domain.experiments import AllocationMode, Edit, Experiment, ExperimentStatus
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.results import Designs, Results
from domain.sums import OWN, RunningSums
from tests.domain.designs import applied
from tests.domain.test_keeping import FakeDefinitions
from tests.domain.test_snapshots import FakeSnapshots, FakeSums
from tests.factories import NOON, make_design
from tests.fake_box import FakeBox
from tests.fakes import FakeExperiments, FakeVariants, Memory


@dataclass
class FakeBandits:
    memory: Memory
    windows: dict[UUID, Sums] = field(default_factory=dict)
    asked: list[tuple[Mapping[UUID, datetime], datetime]] = field(default_factory=list)
    saved: list[Edit] = field(default_factory=list)
    overtake: Design | None = None
    is_away: bool = False
    longest: timedelta | None = None

    async def active(self) -> Mapping[UUID, Bandit]:
        await checkpoint()
        if self.is_away:
            raise Unavailable
        return {
            one.id: Bandit(
                project=one.project_id,
                epoch_opened_at=self.memory.phases[one.id][-1].opened_at,
            )
            for one in self.memory.experiments.values()
            if one.status is ExperimentStatus.ACTIVE
        }

    async def closed(
        self, since: Mapping[UUID, datetime], until: datetime, metric: MetricDefinition
    ) -> Mapping[UUID, Sums]:
        await checkpoint()
        if self.longest is not None and until - min(since.values()) > self.longest:
            raise Unavailable
        self.asked.append((since, until))
        return self.windows

    async def save(self, project: ProjectId, seen: Experiment, edit: Edit) -> Experiment | None:
        await checkpoint()
        if self.overtake is not None:
            theirs, self.overtake = self.overtake, None
            self.memory.put(theirs.experiment, theirs.variants)
        if self.memory.experiments[seen.id] != seen:
            return None
        self.saved.append(edit)
        after = applied(Design(experiment=seen, variants=self.memory.of(seen.id)), edit)
        grown = seen.version + (edit.phase is not None)
        self.memory.put(replace(after.experiment, version=grown), after.variants)
        if edit.phase is not None:
            self.memory.phases[seen.id].append(edit.phase)
        return self.memory.experiments[seen.id]


class Casino:
    def __init__(self, key: str = "key") -> None:
        self.now = NOON
        self.memory, self.sums = Memory(), FakeSums()
        self.store = FakeBandits(self.memory)
        self.beliefs = Beliefs(FakeBox(key))
        self.adapting = self.process(self.beliefs)

    def process(self, beliefs: Beliefs) -> Adapting:
        designs = Designs(
            experiments=FakeExperiments(self.memory),
            variants=FakeVariants(self.memory),
            metrics=FakeDefinitions(self.memory),
        )
        results = Results(designs, self.sums, FakeSnapshots(), lambda: self.now)
        return Adapting(designs, results, self.store, beliefs, lambda: self.now)

    def started(self, *metrics: MetricDefinition, **changes: Any) -> Experiment:
        given = {"allocation": AllocationMode.THOMPSON}
        design = make_design(**(given | changes))
        edit = self.beliefs.begun(design, lifecycle.start(design, self.now), self.now)
        running = applied(design, edit)
        assert edit.phase is not None
        self.memory.put(running.experiment, running.variants)
        self.memory.phases[running.experiment.id] = [edit.phase]
        self.memory.definitions[running.experiment.id] = [
            replace(metric, experiment_id=running.experiment.id) for metric in metrics
        ]
        return running.experiment

    def design(self, experiment: Experiment) -> Design:
        held = self.memory.experiments[experiment.id]
        return Design(experiment=held, variants=self.memory.of(experiment.id))

    def sees(self, experiment: Experiment, *arms: tuple[int, int]) -> None:
        """In the present epoch; each arm as those that converted, of all its users."""
        phase = self.memory.experiments[experiment.id].phase
        earlier = [row for row in self.sums.rows.get(experiment.id, ()) if row.phase < phase]
        self.sums.rows[experiment.id] = earlier + [
            RunningSums(
                experiment_id=experiment.id,
                variant_id=variant.id,
                metric_id=OWN,
                phase=phase,
                stripe=0,
                users=users,
                events=converted,
            )
            for variant, (converted, users) in zip(self.memory.of(experiment.id), arms, strict=True)
        ]

    async def adapts(self, *noticed: Experiment, after: float = 1) -> Sequence[float]:
        """So many minutes later; the weights of the first by then."""
        self.now += timedelta(minutes=after)
        self.adapting.notice([one.id for one in noticed])
        await self.adapting.adapt()
        return [variant.traffic_weight for variant in self.memory.of(noticed[0].id)]

    def states(self, experiment: Experiment) -> list[ArmState]:
        return list(self.beliefs.of(self.design(experiment)).values())
