"""What bandits read and write while they run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Numeric,
    Text,
    bindparam,
    case,
    cast,
    func,
    select,
    update,
)

from domain.adapting import Bandit
from domain.analysis.sums import Sums
from domain.changes import UNSET, given
from domain.experiments import AllocationMode, Edit, Experiment, ExperimentStatus
from domain.ids import ProjectId
from domain.metrics import MetricDefinition
from domain.sums import exact
from domain.variants import VariantChanges
from persistence.arrays import bound, insertion, parameters, unnested
from persistence.columns import TIME
from persistence.compiled import Transaction
from persistence.engine import Database
from persistence.models import PHASES
from persistence.tables import assignments, experiments, phases, user_totals, variants

_ACTIVE = (
    select(experiments.c.id, experiments.c.project_id, phases.c.opened_at)
    .join(phases, phases.c.experiment_id == experiments.c.id)
    .where(phases.c.number == experiments.c.phase)
    .where(experiments.c.allocation == AllocationMode.THOMPSON)
    .where(experiments.c.status == ExperimentStatus.ACTIVE)
)

_NEXT = (
    update(experiments)
    .where(experiments.c.id == bindparam("experiment"))
    .where(experiments.c.project_id == bindparam("project"))
    .where(experiments.c.version == bindparam("seen"))
    .values(
        version=bindparam("next_version", type_=BigInteger),
        phase=bindparam("next_phase", type_=BigInteger),
    )
    .returning(experiments.c.id)
)
_PHASE = insertion(PHASES, order=("number",))
_arms = unnested(variants.c.id, variants.c.traffic_weight, variants.c.algorithm_state)
_ARMS = (
    update(variants)
    .where(variants.c.id == _arms.c.id)
    .values(
        traffic_weight=_arms.c.traffic_weight,
        algorithm_state=func.coalesce(_arms.c.algorithm_state, variants.c.algorithm_state),
    )
)


def _measured() -> ColumnElement[Any]:
    """A user's x, which is 0 without events before it is capped."""
    kind = bindparam("kind", type_=Text)
    raw = case(
        (kind == "binary", case((user_totals.c.events > 0, 1), else_=0)),
        (kind == "count", user_totals.c.events),
        else_=user_totals.c.total,
    )
    limits = [bindparam(name, type_=Numeric) for name in ("low", "high")]
    return func.least(func.greatest(func.coalesce(cast(raw, Numeric), 0), limits[0]), limits[1])


_since = unnested(assignments.c.variant_id, assignments.c.assigned_at)
_each = (
    select(
        _since.c.variant_id,
        _measured().label("x"),
        func.coalesce(cast(user_totals.c.events, Numeric), 0).label("d"),
    )
    .select_from(_since)
    .join(assignments, assignments.c.variant_id == _since.c.variant_id)
    .outerjoin(
        user_totals,
        (user_totals.c.experiment_id == assignments.c.experiment_id)
        & (user_totals.c.user_id == assignments.c.user_id)
        & (user_totals.c.metric_id == bindparam("metric", type_=user_totals.c.metric_id.type)),
    )
    .where(assignments.c.assigned_at > _since.c.assigned_at)
    .where(assignments.c.assigned_at <= bindparam("until", type_=TIME))
    .subquery("each")
)
_x, _d = _each.c.x, _each.c.d
_CLOSED = select(
    _each.c.variant_id,
    func.count(),
    *(func.sum(part) for part in (_x, _x * _x, _d, _d * _d, _x * _d)),
).group_by(_each.c.variant_id)


class Bandits:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self) -> Mapping[UUID, Bandit]:
        rows = await self._database.rows(_ACTIVE, {})
        return {
            experiment: Bandit(project=project, epoch_opened_at=opened_at)
            for experiment, project, opened_at in rows
        }

    async def closed(
        self, since: Mapping[UUID, datetime], until: datetime, metric: MetricDefinition
    ) -> Mapping[UUID, Sums]:
        asked = {
            "until": until,
            "kind": metric.aggregation.value,
            "metric": metric.id,
            "low": _exact(metric.cap_low),
            "high": _exact(metric.cap_high),
            **bound(variant_id=list(since), assigned_at=list(since.values())),
        }
        rows = await self._database.rows(_CLOSED, asked)
        return {variant: _sums(*sums) for variant, *sums in rows}

    async def save(self, project: ProjectId, seen: Experiment, edit: Edit) -> Experiment | None:
        new = replace(seen, **given(edit.changes))
        if edit.phase is not None:
            new = replace(new, version=seen.version + 1)
        asked = {
            "experiment": seen.id,
            "project": project,
            "seen": seen.version,
            "next_version": new.version,
            "next_phase": new.phase,
        }

        async def saved(transaction: Transaction) -> bool:
            if not await transaction.rows(_NEXT, asked):
                return False
            await transaction.rows(_ARMS, _bound(edit.changed))
            if edit.phase is not None:
                await transaction.rows(_PHASE, parameters(PHASES, [edit.phase]))
            return True

        return new if await self._database.written(saved) else None


def _bound(changed: Mapping[UUID, VariantChanges]) -> Mapping[str, Any]:
    states = [each.algorithm_state for each in changed.values()]
    return bound(
        id=list(changed),
        traffic_weight=[each.traffic_weight for each in changed.values()],
        algorithm_state=[None if state is UNSET else state for state in states],
    )


def _exact(limit: float | None) -> Decimal | None:
    return None if limit is None else exact(limit)


def _sums(users: int, *parts: Decimal) -> Sums:
    total, squares, events, event_squares, cross = parts
    return Sums(
        users=users,
        total=total,
        squares=squares,
        events=events,
        event_squares=event_squares,
        cross=cross,
    )
