from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from domain.ids import ProjectId
from domain.variants import Variant
from persistence.arrays import among_given
from persistence.engine import Database
from persistence.keyset import of_project
from persistence.models import VARIANTS
from persistence.tables import variants

_BY_IDS = of_project(VARIANTS).where(among_given(variants.c.id, "ids"))
_BY_EXPERIMENT = (
    of_project(VARIANTS)
    .where(among_given(variants.c.experiment_id, "experiments"))
    .order_by(variants.c.position, variants.c.id)
)


class Variants:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Variant]:
        rows = await self._database.rows(_BY_IDS, {"project": project, "ids": list(ids)})
        return {variant.id: variant for variant in VARIANTS.read(rows)}

    async def by_experiment(
        self, project: ProjectId, owners: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Variant]]:
        asked = {"project": project, "experiments": list(owners)}
        found = defaultdict(list)
        for variant in VARIANTS.read(await self._database.rows(_BY_EXPERIMENT, asked)):
            found[variant.experiment_id].append(variant)
        return found
