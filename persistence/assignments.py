from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, bindparam, exists

from domain.assignments import Assignment
from domain.ids import ProjectId
from persistence.arrays import Addition
from persistence.engine import Database
from persistence.keyset import Condition, Nested, of_project
from persistence.models import ASSIGNMENTS
from persistence.tables import assignments, experiments, variants

_CONDITIONS: Mapping[str, Condition] = {
    "user_id": lambda owned: (
        (assignments.c.user_id == bindparam("user_id"))
        & (assignments.c.experiment_id == owned.c.experiment_id)  # the index by user is by that
    ),
    "has_converted": lambda _: assignments.c.has_converted,  # in so many words: the partial index
    "not has_converted": lambda _: ~assignments.c.has_converted,
    "assigned_after": lambda _: assignments.c.assigned_at >= bindparam("assigned_after"),
    "assigned_before": lambda _: assignments.c.assigned_at < bindparam("assigned_before"),
}

_OF_USER = of_project(ASSIGNMENTS).where(
    assignments.c.experiment_id == bindparam("experiment"),
    assignments.c.user_id == bindparam("user_id"),
)


def _has_variant(given: FromClause) -> ColumnElement[bool]:
    return (
        exists()
        .where(variants.c.id == given.c.variant_id)
        .where(variants.c.experiment_id == given.c.experiment_id)
        .where(experiments.c.id == variants.c.experiment_id)
        .where(experiments.c.project_id == bindparam("project"))
    )


_ADDITION = Addition(ASSIGNMENTS, is_known=_has_variant, order=("experiment_id", "user_id", "id"))


class Assignments(Nested[Assignment]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, ASSIGNMENTS, _CONDITIONS)

    async def of_user(
        self, project: ProjectId, experiment: UUID, user_id: str
    ) -> Assignment | None:
        asked = {"project": project, "experiment": experiment, "user_id": user_id}
        return next(iter(ASSIGNMENTS.read(await self.database.rows(_OF_USER, asked))), None)

    async def add(self, project: ProjectId, assignments: Sequence[Assignment]) -> Collection[UUID]:
        return await _ADDITION.add(self.database, project, assignments)
