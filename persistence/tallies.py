"""What the running sums say of each variant; and the columns of ab_variants that follow them, for
people who read with SQL."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Double,
    Select,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from domain.experiments import RUNNING
from domain.ids import ProjectId
from domain.sums import OWN
from domain.variants import Tally
from persistence.arrays import among_given
from persistence.compiled import Transaction
from persistence.engine import Database
from persistence.tables import experiments, running_sums, variants

_users = func.coalesce(func.sum(running_sums.c.users), 0).label("users")
_conversions = func.coalesce(func.sum(running_sums.c.events), 0).label("conversions")
_value = cast(func.coalesce(func.sum(running_sums.c.total), 0), Double).label("value")

_RUNS = or_(*(experiments.c.status == status for status in sorted(RUNNING)))


def _tallies() -> Select[*tuple[Any, ...]]:
    return (
        select(variants.c.id.label("variant_id"), _users, _conversions, _value)
        .select_from(variants)
        .outerjoin(
            running_sums,
            and_(
                running_sums.c.experiment_id == variants.c.experiment_id,
                running_sums.c.variant_id == variants.c.id,
                running_sums.c.metric_id == literal(OWN, running_sums.c.metric_id.type),
            ),
        )
        .group_by(variants.c.id)
    )


_OF_VARIANTS = (
    _tallies()
    .join(experiments, experiments.c.id == variants.c.experiment_id)
    .where(experiments.c.project_id == bindparam("project"), _RUNS)
    .where(among_given(variants.c.id, "ids"))
)

_RUNNING = select(experiments.c.id).where(_RUNS)
_HELD = (
    _RUNNING.where(among_given(experiments.c.id, "experiments"))
    .order_by(experiments.c.id)
    .with_for_update(read=True)
)

_tally = _tallies().where(among_given(variants.c.experiment_id, "experiments")).cte("tally")
_rate = case(
    (_tally.c.users > 0, cast(_tally.c.conversions, Double) / cast(_tally.c.users, Double)),
    else_=0.0,
)
_published = (
    variants.c.impressions,
    variants.c.conversions,
    variants.c.conversion_rate,
    variants.c.total_value,
)
_tallied = (_tally.c.users, _tally.c.conversions, _rate, _tally.c.value)
PUBLICATION = (
    update(variants)
    .where(variants.c.id == _tally.c.variant_id)
    .where(tuple_(*_published).is_distinct_from(tuple_(*_tallied)))
    .values(dict(zip(_published, _tallied, strict=True)))
)


class Tallies:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_variants(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Tally]:
        asked = {"project": project, "ids": list(ids)}
        rows = await self._database.rows(_OF_VARIANTS, asked)
        return {
            variant: Tally(
                variant_id=variant, users=int(users), conversions=int(conversions), value=value
            )
            for variant, users, conversions, value in rows
        }

    async def running(self) -> Collection[UUID]:
        return [row[0] for row in await self._database.rows(_RUNNING, {})]

    async def publish(self, experiments: Collection[UUID]) -> None:
        """Of those that run. They are held meanwhile: what is completed stays as it was then."""

        async def held_and_published(transaction: Transaction) -> None:
            rows = await transaction.rows(_HELD, {"experiments": sorted(experiments)})
            if rows:
                await transaction.rows(PUBLICATION, {"experiments": [row[0] for row in rows]})

        await self._database.written(held_and_published)
