"""One look for all live statistics of a process, however many follow them."""

from collections.abc import Collection, Mapping
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from sqlalchemy import func, select

from domain.experiments import ExperimentStatus
from domain.following import Pulse
from domain.ids import ProjectId
from persistence.arrays import among_given
from persistence.engine import Database
from persistence.models import RUNNING_SUMS
from persistence.sums import KEY, MERGED
from persistence.tables import experiments, running_sums, snapshots

_LAST_SNAPSHOT = (
    select(func.max(snapshots.c.number))
    .where(snapshots.c.experiment_id == experiments.c.id)
    .scalar_subquery()
)
_OWN = (
    experiments.c.id,
    experiments.c.project_id,
    experiments.c.version,
    experiments.c.status,
    _LAST_SNAPSHOT,
)
_PULSES = (
    select(*_OWN, *MERGED)
    .outerjoin(running_sums, running_sums.c.experiment_id == experiments.c.id)
    .where(among_given(experiments.c.id, "experiments"))
    .group_by(experiments.c.id, *KEY)
    .order_by(experiments.c.id)
)


class Feed:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def pulses(self, wanted: Collection[UUID]) -> Mapping[UUID, Pulse]:
        rows = await self._database.rows(_PULSES, {"experiments": list(wanted)})
        found = {}
        for own, each in groupby(rows, key=itemgetter(slice(len(_OWN)))):
            experiment, project, version, status, snapshot = own
            sums = [row[len(_OWN) :] for row in each]
            found[experiment] = Pulse(
                experiment=experiment,
                project=ProjectId(project),
                version=version,
                status=ExperimentStatus(status),
                snapshot=snapshot,
                sums=RUNNING_SUMS.read([] if sums[0][0] is None else sums),  # nobody came yet
            )
        return found
