"""One transaction's worth of reports: events, conversions, and the sums that they move."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from domain.assignments import Assignment
from domain.metrics import Metric, MetricDefinition
from domain.reporting import Recorded, Report
from domain.sums import RunningSums, converted, counts, moved, reported, summed
from domain.tracking import User
from persistence import assignments, metrics, sums
from persistence.compiled import Transaction

_Feeding = tuple[MetricDefinition, Metric]


@dataclass(frozen=True, slots=True)
class Written:
    """Who is assigned, and what of the reports was new."""

    held: Mapping[User, Assignment]
    new: Mapping[UUID, Recorded]


async def record(transaction: Transaction, reports: Collection[Report]) -> Written:
    """Rows, totals and sums are touched in that order, and each in the order of its key, so that
    no two transactions wait for each other."""
    held = dict(await assignments.held_by(transaction, {each.user for each in reports}))
    wanted = {each.id: each.of(held[each.user]) for each in reports if each.user in held}
    new = await metrics.record(transaction, list(wanted.values())) if wanted else ()
    fresh = [each for each in reports if each.id in new]
    by_conversion = [each for each in fresh if each.is_conversion]
    for each in by_conversion:
        held[each.user] = _converted(held[each.user], each)
    if by_conversion:
        await assignments.convert(transaction, [held[each.user] for each in by_conversion])
    changes = [converted(held[each.user], each.value) for each in by_conversion]
    changes += await _moves(transaction, held, list(_fed(fresh, wanted, held)))
    if changes:
        await sums.grow_sums(transaction, summed(changes))
    return Written(
        held,
        {
            each.id: Recorded(metric=wanted[each.id], assignment=held[each.user], is_new=True)
            for each in fresh
        },
    )


def _converted(user: Assignment, report: Report) -> Assignment:
    return replace(
        user,
        has_converted=True,
        converted_at=report.happened_at,
        conversion_value=report.value,
    )


def _fed(
    reports: Sequence[Report], rows: Mapping[UUID, Metric], held: Mapping[User, Assignment]
) -> Iterator[_Feeding]:
    for report in reports:
        for definition in report.definitions:
            if counts(definition, held[report.user], rows[report.id]):
                yield definition, rows[report.id]


async def _moves(
    transaction: Transaction, held: Mapping[User, Assignment], fed: Sequence[_Feeding]
) -> list[RunningSums]:
    if not fed:
        return []
    definitions = {definition.id: definition for definition, _ in fed}
    by = {each.key: each for each in summed(reported(*each) for each in fed)}
    return [
        moved(
            held[after.experiment_id, after.user_id],
            definitions[after.metric_id],
            after,
            by[after.key],
        )
        for after in await sums.grow_totals(transaction, list(by.values()))
    ]
