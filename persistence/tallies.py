"""What the running sums say of each variant; and the columns of ab_variants that follow them, for
people who read with SQL."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    Double,
    Select,
    and_,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from domain.closing import published
from domain.experiments import RUNNING
from domain.ids import ProjectId
from domain.sums import OWN
from domain.variants import Published, Standing, Tally
from persistence.arrays import among_given, bound, unnested
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

_STANDINGS = (
    _tallies()
    .add_columns(
        variants.c.is_control,
        variants.c.impressions,
        variants.c.conversions.label("left"),
        variants.c.conversion_rate,
        _RUNS.label("runs"),
    )
    .join(experiments, experiments.c.id == variants.c.experiment_id)
    .where(experiments.c.project_id == bindparam("project"), among_given(variants.c.id, "ids"))
    .group_by(experiments.c.id)
)

_RUNNING = select(experiments.c.id, experiments.c.project_id).where(_RUNS)
_HELD = (
    select(experiments.c.id, experiments.c.alpha)
    .where(_RUNS, among_given(experiments.c.id, "experiments"))
    .order_by(experiments.c.id)
    .with_for_update(read=True)
)
_OF_EXPERIMENTS = (
    _tallies()
    .add_columns(variants.c.experiment_id)
    .where(among_given(variants.c.experiment_id, "experiments"))
)

_PUBLISHED = [field.name for field in fields(Published)]
_given = unnested(variants.c.id, *(variants.c[name] for name in _PUBLISHED))
_PUBLICATION = (
    update(variants)
    .where(variants.c.id == _given.c.id)
    .where(
        tuple_(*(variants.c[name] for name in _PUBLISHED)).is_distinct_from(
            tuple_(*(_given.c[name] for name in _PUBLISHED))
        )
    )
    .values({name: _given.c[name] for name in _PUBLISHED})
)


class Tallies:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_variants(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Tally]:
        asked = {"project": project, "ids": list(ids)}
        rows = await self._database.rows(_OF_VARIANTS, asked)
        return {tally.variant_id: tally for tally in map(_tally, rows)}

    async def standings(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Standing]:
        asked = {"project": project, "ids": list(ids)}
        rows = await self._database.rows(_STANDINGS, asked)
        return {standing.variant_id: standing for standing in map(_standing, rows)}

    async def running(self) -> Mapping[UUID, ProjectId]:
        return dict(map(tuple, await self._database.rows(_RUNNING, {})))

    async def publish(self, experiments: Collection[UUID]) -> None:
        """Of those that run. They are held meanwhile: what is completed stays as it was then."""

        async def held_and_published(transaction: Transaction) -> None:
            held = await transaction.rows(_HELD, {"experiments": sorted(experiments)})
            levels = dict(map(tuple, held))
            asked = {"experiments": list(levels)}
            rows = await transaction.rows(_OF_EXPERIMENTS, asked) if levels else ()
            if rows:
                each = {row[0]: published(_tally(row), levels[row[-1]]) for row in rows}
                await transaction.rows(_PUBLICATION, _bound(each))

        await self._database.written(held_and_published)


def _tally(row: asyncpg.Record) -> Tally:
    variant, users, conversions, value, *_ = row
    return Tally(variant_id=variant, users=int(users), conversions=int(conversions), value=value)


def _standing(row: asyncpg.Record) -> Standing:
    *_, is_control, users, conversions, rate, runs = row
    tally = _tally(row)
    return Standing(
        variant_id=tally.variant_id,
        is_control=is_control,
        users=tally.users if runs else users,
        conversions=tally.conversions if runs else conversions,
        rate=tally.rate if runs else rate,
    )


def _bound(each: Mapping[UUID, Published]) -> Mapping[str, Any]:
    columns = {name: [getattr(one, name) for one in each.values()] for name in _PUBLISHED}
    return bound(id=list(each), **columns)
