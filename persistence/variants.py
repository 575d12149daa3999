from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import Select, select

from domain.ids import ProjectId
from domain.variants import Variant
from persistence.arrays import among
from persistence.engine import Database
from persistence.models import VARIANTS
from persistence.tables import experiments, variants


class Variants:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Variant]:
        rows = await self._database.rows(_of(project).where(among(variants.c.id, ids)))
        return {variant.id: variant for variant in VARIANTS.read(rows)}

    async def by_experiment(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]:
        rows = await self._database.rows(
            _of(project)
            .where(among(variants.c.experiment_id, owners))
            .order_by(variants.c.position, variants.c.id)
        )
        found = defaultdict(list)
        for variant in VARIANTS.read(rows):
            found[variant.experiment_id].append(variant)
        return found


def _of(project: ProjectId) -> Select[*tuple[object, ...]]:
    return (
        select(*VARIANTS.columns)
        .join(experiments, experiments.c.id == variants.c.experiment_id)
        .where(experiments.c.project_id == project)
    )
