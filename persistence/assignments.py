from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlalchemy import bindparam, select, update

from domain.assignments import Assignment
from domain.ids import ProjectId
from persistence.arrays import bound, insertion, parameters, unnested
from persistence.compiled import Source, Transaction
from persistence.engine import Database
from persistence.keyset import Condition, Nested, of_project
from persistence.models import ASSIGNMENTS
from persistence.tables import assignments

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

_ENROLMENT = (
    insertion(ASSIGNMENTS, order=("experiment_id", "user_id", "id"))
    .on_conflict_do_nothing()
    .returning(assignments.c.id)
)

_users = unnested(assignments.c.experiment_id, assignments.c.user_id)
_HELD = select(*ASSIGNMENTS.columns).join(
    _users,
    (assignments.c.experiment_id == _users.c.experiment_id)
    & (assignments.c.user_id == _users.c.user_id),
)

_converted = unnested(
    assignments.c.id,
    assignments.c.user_id,
    assignments.c.converted_at,
    assignments.c.conversion_value,
)
_CONVERSION = (
    update(assignments)
    .where(assignments.c.id == _converted.c.id, assignments.c.user_id == _converted.c.user_id)
    .values(
        has_converted=True,
        converted_at=_converted.c.converted_at,
        conversion_value=_converted.c.conversion_value,
    )
)


class Assignments(Nested[Assignment]):
    def __init__(self, database: Database) -> None:
        super().__init__(database, ASSIGNMENTS, _CONDITIONS)

    async def of_user(
        self, project: ProjectId, experiment: UUID, user_id: str
    ) -> Assignment | None:
        asked = {"project": project, "experiment": experiment, "user_id": user_id}
        return next(iter(ASSIGNMENTS.read(await self.database.rows(_OF_USER, asked))), None)


async def held_by(
    source: Source, users: Collection[tuple[UUID, str]]
) -> Mapping[tuple[UUID, str], Assignment]:
    bound_users = bound(
        experiment_id=[experiment for experiment, _ in users], user_id=[user for _, user in users]
    )
    found = ASSIGNMENTS.read(await source.rows(_HELD, bound_users))
    return {(each.experiment_id, each.user_id): each for each in found}


async def enrol(transaction: Transaction, wanted: Sequence[Assignment]) -> Collection[UUID]:
    """The ids of those that are new."""
    rows = await transaction.rows(_ENROLMENT, parameters(ASSIGNMENTS, wanted))
    return {row[0] for row in rows}


async def convert(transaction: Transaction, converted: Sequence[Assignment]) -> None:
    """Each of them is written by nobody else: the caller has just kept its one conversion."""
    values = ASSIGNMENTS.arrays(converted)
    names = ("id", "user_id", "converted_at", "conversion_value")
    await transaction.rows(_CONVERSION, bound(**{name: values[name] for name in names}))
