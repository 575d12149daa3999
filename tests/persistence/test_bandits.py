"""What bandits read and write: one statement a question, and one writer wins."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.adapting import Bandit
from domain.analysis.sums import Sums
from domain.bandits import shared_equally
from domain.design import Design
from domain.experiments import AllocationMode, Edit, ExperimentStatus
from domain.metrics import MetricAggregation
from domain.variants import VariantChanges
from persistence.bandits import Bandits
from persistence.engine import Database
from persistence.models import EXPERIMENTS, PHASES, VARIANTS
from tests.factories import NOON, make_phase
from tests.persistence.graphs import stored
from tests.persistence.servers import ask
from tests.persistence.shops import Shop, open_shop, rows_of
from tests.persistence.statements import counted
from tests.persistence.test_hot_plans import plans
from tests.putting import put_assignments, put_user_totals
from tests.sums import make_user_total

ACTIVE, THOMPSON = ExperimentStatus.ACTIVE, AllocationMode.THOMPSON
LATER = NOON + timedelta(hours=1)
WINDOWED: Sequence[Mapping[str, Any]] = (
    {"aggregation": MetricAggregation.BINARY, "window_hours": 1.0},
    {"aggregation": MetricAggregation.COUNT, "window_hours": 1.0, "cap_high": 2.0},
    {"aggregation": MetricAggregation.SUM, "window_hours": 1.0, "cap_low": 0.5, "cap_high": 10.0},
    {"aggregation": MetricAggregation.MEAN, "window_hours": 1.0},
)


@pytest.fixture
def bandits(database: Database) -> Bandits:
    return Bandits(database)


@pytest.fixture
async def shop(database: Database) -> Shop:
    shop = await open_shop(database, WINDOWED, allocation=THOMPSON)
    await stored(database, PHASES, make_phase(experiment_id=shop.experiment.id, opened_at=LATER))
    return shop


async def test_those_that_run_are_found_with_the_age_of_their_epoch(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    for allocation, status in ((THOMPSON, ExperimentStatus.PAUSED), (AllocationMode.FIXED, ACTIVE)):
        other = await open_shop(database, allocation=allocation, status=status)
        await stored(database, PHASES, make_phase(experiment_id=other.experiment.id))
    earlier = make_phase(experiment_id=shop.experiment.id, number=0, opened_at=NOON)
    await stored(database, PHASES, earlier)

    async with counted(database) as statements:
        found = await bandits.active()

    assert found == {shop.experiment.id: Bandit(project=shop.project, epoch_opened_at=LATER)}
    assert len(statements) == 1


async def arrive(database: Database, shop: Shop) -> None:
    """One user of the first variant a minute from noon on, the last of them without events; and
    at noon one of the other variant."""
    crowd = [
        shop.assignment(user_id=f"user-{n}", assigned_at=NOON + timedelta(minutes=n))
        for n in range(5)
    ]
    totals = [
        make_user_total(
            experiment_id=shop.experiment.id,
            user_id=user.user_id,
            metric_id=metric.id,
            total=Decimal(total),
            events=events,
        )
        for user, total, events in zip(
            crowd[:4], ("9", "0.5", "1", "-1.5"), (1, 2, 3, 4), strict=True
        )
        for metric in shop.definitions
    ]
    await put_assignments(database, [*crowd, shop.assignment(1, user_id="eve", assigned_at=NOON)])
    await put_user_totals(database, totals)


@pytest.mark.parametrize(
    ("place", "sums"),
    [(0, "3 3 9"), (1, "6 12 18"), (2, "2.5 1.75 6"), (3, "0 3.5 -2")],
    ids=["binary", "count", "sum", "mean"],
)
async def test_users_are_summed_from_after_the_one_moment_up_to_the_other(
    database: Database,
    bandits: Bandits,
    shop: Shop,
    place: int,
    sums: str,
) -> None:
    await arrive(database, shop)
    first, second = (variant.id for variant in shop.variants)
    since, until = {first: NOON, second: NOON}, NOON + timedelta(minutes=4)

    async with counted(database) as statements:
        found = await bandits.closed(since, until, shop.definitions[place])

    assert len(statements) == 1
    total, squares, cross = map(Decimal, sums.split())
    events, event_squares = Decimal(9), Decimal(29)
    assert found == {
        first: Sums(
            users=4,
            total=total,
            squares=squares,
            events=events,
            event_squares=event_squares,
            cross=cross,
        )
    }


async def test_each_variant_is_counted_from_its_own_moment_on(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    await arrive(database, shop)
    first, second = (variant.id for variant in shop.variants)
    since = {first: NOON + timedelta(minutes=2), second: NOON - timedelta(minutes=1)}

    found = await bandits.closed(since, NOON + timedelta(minutes=3), shop.definitions[0])

    assert {key: sums.users for key, sums in found.items()} == {first: 1, second: 1}


async def test_what_is_counted_is_found_by_indexes(
    database: Database, database_url: str, bandits: Bandits, shop: Shop
) -> None:
    await put_assignments(
        database,
        [shop.assignment(n % 2, user_id=f"u{n}", assigned_at=NOON) for n in range(2000)],
    )
    await arrive(database, shop)
    await ask(database_url, "ANALYZE")
    since = {variant.id: NOON for variant in shop.variants}

    async with counted(database) as statements:
        await bandits.closed(since, LATER, shop.definitions[0])

    custom, _ = await plans(database, statements[0])
    assert "idx_assignment_variant" in custom
    assert "Seq Scan on ab_assignments" not in custom


def epoch(shop: Shop, number: int = 2) -> Edit:
    design = Design(experiment=shop.experiment, variants=shop.variants)
    edit = shared_equally(design, LATER)
    states = {
        variant.id: VariantChanges(traffic_weight=0.5, algorithm_state=bytes([number]))
        for variant in shop.variants
    }
    return replace(edit, changed=states)


async def test_an_epoch_is_the_next_version_with_its_phase_and_states(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    async with counted(database) as statements:
        saved = await bandits.save(shop.project, shop.experiment, epoch(shop))

    assert len(statements) == 3
    [stored_now] = await rows_of(database, EXPERIMENTS)
    assert saved == stored_now == replace(shop.experiment, phase=2, version=2)
    assert [phase.number for phase in await rows_of(database, PHASES)] == [1, 2]
    for before, after in zip(shop.variants, await by_position(database), strict=True):
        assert after == replace(before, traffic_weight=0.5, algorithm_state=b"\2")


async def by_position(database: Database) -> list[Any]:
    return sorted(await rows_of(database, VARIANTS), key=lambda variant: variant.position)


async def test_states_without_a_phase_are_no_new_version(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    edit = replace(epoch(shop), phase=None, changes=Edit().changes)

    saved = await bandits.save(shop.project, shop.experiment, edit)

    assert saved == shop.experiment
    assert await rows_of(database, EXPERIMENTS) == [shop.experiment]
    assert {one.algorithm_state for one in await rows_of(database, VARIANTS)} == {b"\2"}


async def test_weights_without_states_leave_what_was_sealed(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    opened = await bandits.save(shop.project, shop.experiment, epoch(shop))
    assert opened is not None
    design = Design(experiment=opened, variants=await by_position(database))

    await bandits.save(shop.project, opened, shared_equally(design, LATER))

    assert {one.algorithm_state for one in await rows_of(database, VARIANTS)} == {b"\2"}
    assert len(await rows_of(database, PHASES)) == 3


async def test_of_many_who_open_an_epoch_one_wins_and_the_others_write_nothing(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    saved = await asyncio.gather(
        *(bandits.save(shop.project, shop.experiment, epoch(shop, n)) for n in range(8))
    )

    [winner] = [place for place, each in enumerate(saved) if each is not None]
    assert {one.algorithm_state for one in await rows_of(database, VARIANTS)} == {bytes([winner])}
    assert len(await rows_of(database, PHASES)) == 2


async def test_what_belongs_to_another_project_is_not_written(
    database: Database, bandits: Bandits, shop: Shop
) -> None:
    other = await open_shop(database)

    assert await bandits.save(other.project, shop.experiment, epoch(shop)) is None

    assert {one.algorithm_state for one in await rows_of(database, VARIANTS)} == {None}
