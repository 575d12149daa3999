"""A process that trackers ask for experiments, and stores that can be held up."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from domain.experiments import Experiment, ExperimentKey, ExperimentStatus
from domain.running import Running, RunningExperiments
from tests.domain.stored import HOME, stored
from tests.factories import make_metric_definition
from tests.fake_people import Clock
from tests.fake_tracking import FakeDefinitions, SlowExperiments
from tests.fakes import FakeVariants, Memory

ACTIVE = ExperimentStatus.ACTIVE
BY_NAME = ExperimentKey(name="checkout")


@dataclass
class Street:
    """A process that trackers ask, and the stores behind it."""

    memory: Memory = field(default_factory=Memory)
    clock: Clock = field(default_factory=lambda: Clock(passed=1000.0))

    def __post_init__(self) -> None:
        self.store = SlowExperiments(self.memory)
        self.process = self.another_process()

    def another_process(self) -> RunningExperiments:
        variants, definitions = FakeVariants(self.memory), FakeDefinitions(self.memory)
        return RunningExperiments(self.store, variants, definitions, self.clock.seconds)

    async def find(self, key: ExperimentKey = BY_NAME) -> Running:
        return await self.process.find(HOME, key)

    def asked(self) -> list[str]:
        """Since it was asked last."""
        asked, self.store.asked = self.store.asked, []
        return asked

    def change(self, experiment: Experiment, **changes: Any) -> Experiment:
        changed = replace(experiment, version=experiment.version + 1, **changes)
        self.memory.experiments[experiment.id] = changed
        return changed


def checkout_of(street: Street) -> Experiment:
    """It runs, with two variants and a metric."""
    experiment = stored(street.memory, status=ACTIVE)
    definition = make_metric_definition(experiment_id=experiment.id)
    street.memory.definitions[experiment.id] = [definition]
    return experiment


async def settled() -> None:
    """Until everybody who can go on has done so."""
    for _ in range(50):
        await asyncio.sleep(0)
