"""The stores of experiments and variants in memory, and those in PostgreSQL."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from domain.experiments import (
    Experiment,
    ExperimentFilter,
    ExperimentOrderField,
    ExperimentStatus,
    ExperimentStore,
)
from domain.ids import ProjectId
from domain.paging import Ordering, Window
from domain.variants import Variant, VariantStore
from tests.factories import NOON, make_deed, make_experiment, make_variant

HOUR = timedelta(hours=1)
LATER = NOON + HOUR
DEED = make_deed(at=LATER)
EVERYTHING = ExperimentFilter(status=frozenset(ExperimentStatus))
BY_NAME = Ordering(ExperimentOrderField.NAME, descending=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    experiments: ExperimentStore
    variants: VariantStore
    home: ProjectId
    elsewhere: ProjectId

    async def made(self, project: ProjectId | None = None, **changes: Any) -> Experiment:
        owner = project or self.home
        experiment = make_experiment(project_id=owner, **changes)
        await self.experiments.create(owner, experiment, (), (), DEED)
        return experiment

    async def with_variants(self, *names: str) -> tuple[Experiment, list[Variant]]:
        experiment = make_experiment(project_id=self.home)
        variants = [
            make_variant(experiment_id=experiment.id, name=name, position=place)
            for place, name in enumerate(names)
        ]
        await self.experiments.create(self.home, experiment, variants, (), DEED)
        return experiment, variants

    async def of(self, experiment: Experiment) -> list[Variant]:
        found = await self.variants.by_experiment(self.home, [experiment.id])
        return list(found.get(experiment.id, ()))

    async def listed(self, **filter: Any) -> list[str]:
        asked = replace(ExperimentFilter(), **filter)
        found = await self.experiments.page(self.home, Window(ordering=BY_NAME), asked)
        assert await self.experiments.count(self.home, asked) == len(found.items)
        return [one.name for one in found.items]
