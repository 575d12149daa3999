"""What PostgreSQL says of how far users get, held against users followed one by one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from domain.errors import TookTooLong
from domain.funnels import Path
from domain.ids import ProjectId, new_id
from domain.metrics import Metric
from persistence.engine import Database
from persistence.passages import Passages
from tests.factories import NOON, make_assignment, make_metric
from tests.funnels import make_path
from tests.persistence.graphs import stored_experiment, stored_project, stored_variants
from tests.persistence.servers import ask
from tests.persistence.statements import counted
from tests.persistence.test_plans import plans
from tests.persistence.walking import walked
from tests.putting import put_assignments, put_metrics

KINDS = ("view", "cart", "pay", "help")
SHAPES: dict[str, Path] = {
    "a line": make_path(["view", "cart", "pay"]),
    "the same again": make_path(["view", "view", "pay", "view"]),
    "branches": make_path(["view", "cart", "help", "pay"], [(0, 1), (0, 2), (0, 3)]),
    "a diamond": make_path(["view", "cart", "help", "pay"], [(0, 1), (0, 2), (1, 3), (2, 3)]),
    "a short cut": make_path(["view", "cart", "pay"], [(0, 1), (1, 2), (0, 2)]),
    "two ways in": make_path(["view", "cart", "pay"], [(0, 2), (1, 2)]),
    "backwards": make_path(["pay", "cart", "view"], [(1, 0), (2, 1)]),
    "the same on both sides": make_path(
        ["view", "cart", "cart", "pay", "cart"], [(0, 1), (0, 2), (1, 3), (2, 3), (3, 4), (1, 4)]
    ),
    "two funnels": make_path(["view", "cart", "help", "pay"], [(0, 1), (2, 3)]),
}
WINDOWS = (None, timedelta(seconds=3), timedelta(hours=30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """An experiment of a project, and all that users did in it."""

    database: Database
    project: ProjectId
    experiment: UUID
    variants: Sequence[UUID]
    events: list[Metric] = field(default_factory=list)

    async def visit(
        self, user: int, happened: Sequence[tuple[str, float]], ids: Sequence[UUID] = ()
    ) -> None:
        """Each with the seconds after noon."""
        assignment = make_assignment(
            experiment_id=self.experiment,
            variant_id=self.variants[user % len(self.variants)],
            user_id=f"user-{user}",
        )
        events = [
            make_metric(
                id=event,
                experiment_id=self.experiment,
                variant_id=assignment.variant_id,
                assignment_id=assignment.id,
                user_id=assignment.user_id,
                event_type=kind,
                event_timestamp=NOON + timedelta(seconds=second),
            )
            for event, (kind, second) in zip(
                ids or [new_id() for _ in happened], happened, strict=True
            )
        ]
        self.events.extend(events)
        await put_assignments(self.database, [assignment])
        await put_metrics(self.database, events)


async def open_market(database: Database, project: ProjectId, variants: int = 2) -> Market:
    experiment = await stored_experiment(database, project)
    found = await stored_variants(database, experiment.id, variants)
    return Market(
        database=database,
        project=project,
        experiment=experiment.id,
        variants=[variant.id for variant in found],
    )


@pytest.fixture
async def market(database: Database) -> Market:
    return await open_market(database, await stored_project(database))


async def crowd(market: Market, seed: int, users: int = 60) -> None:
    """Many events of one user are of one moment, some are a day apart."""
    chance = random.Random(seed)  # noqa: S311  # repeatable
    for user in range(users):
        far = chance.choice((3, 8, 100_000))
        count = chance.randrange(9)
        await market.visit(
            user, [(chance.choice(KINDS), chance.randrange(far)) for _ in range(count)]
        )


@pytest.mark.parametrize("seed", range(3))
async def test_all_users_get_as_far_as_when_each_is_followed(market: Market, seed: int) -> None:
    await crowd(market, seed)
    await crowd(await open_market(market.database, market.project), seed + 100, users=5)
    passages = Passages(market.database)

    for name, path in SHAPES.items():
        for within in WINDOWS:
            found = await passages.of(market.project, market.experiment, path, within)
            assert found == walked(path, market.events, within), (name, within)


@pytest.mark.parametrize("seed", range(30))
async def test_of_any_graph_too(market: Market, seed: int) -> None:
    await crowd(market, seed + 1000, users=30)
    chance = random.Random(seed)  # noqa: S311  # repeatable
    size = chance.randrange(2, 9)
    order = chance.sample(range(size), size)
    ends = [
        (order[source], order[target])
        for source in range(size)
        for target in range(source + 1, size)
        if chance.random() < 0.5
    ]
    path = make_path([chance.choice(KINDS) for _ in range(size)], ends)
    within = chance.choice(WINDOWS)

    found = await Passages(market.database).of(market.project, market.experiment, path, within)

    assert found == walked(path, market.events, within)


async def test_the_window_opens_with_the_first_step_and_its_end_counts(market: Market) -> None:
    await market.visit(0, [("view", 0), ("pay", 10)])
    await market.visit(2, [("view", 0), ("pay", 10.000001)])
    await market.visit(4, [("view", 0), ("view", 9), ("pay", 11)])
    path, variant = make_path(["view", "pay"]), market.variants[0]

    passages = Passages(market.database)
    found = await passages.of(market.project, market.experiment, path, timedelta(seconds=10))

    assert found[variant].reached == [3, 1]


async def test_of_one_moment_the_lower_id_comes_first(market: Market) -> None:
    await market.visit(0, [("view", 0), ("pay", 0)], ids=[UUID(int=1), UUID(int=2)])
    await market.visit(2, [("view", 0), ("pay", 0)], ids=[UUID(int=4), UUID(int=3)])

    found = await Passages(market.database).of(
        market.project, market.experiment, make_path(["view", "pay"]), None
    )

    assert found[market.variants[0]].reached == [2, 1]


async def test_it_is_one_statement_whatever_the_steps(market: Market) -> None:
    await crowd(market, 1, users=5)
    long = make_path([KINDS[place % 4] for place in range(20)])
    for path in (*SHAPES.values(), long):
        async with counted(market.database) as statements:
            await Passages(market.database).of(market.project, market.experiment, path, None)

        assert len(statements) == 1


async def test_another_project_sees_nobody(market: Market) -> None:
    await market.visit(0, [("view", 0), ("cart", 1)])
    other = await stored_project(market.database)

    found = await Passages(market.database).of(other, market.experiment, SHAPES["a line"], None)

    assert found == {}


async def test_events_are_found_by_experiment_and_type(market: Market, database_url: str) -> None:
    """Beside other experiments, and whatever else their users did."""
    for _ in range(5):
        other = await open_market(market.database, market.project)
        for user in range(40):
            await other.visit(user, [("scroll", second) for second in range(20)])
    await crowd(market, 1, users=20)
    await ask(database_url, "ANALYZE")
    async with counted(market.database) as statements:
        await Passages(market.database).of(
            market.project, market.experiment, SHAPES["a diamond"], timedelta(hours=1)
        )

    (statement,) = statements
    for plan in await plans(database_url, statement):
        assert "idx_metric_event_type" in plan
        assert "Seq Scan on ab_metrics" not in plan


async def test_what_takes_too_long_is_given_up_and_says_so(
    market: Market, database_url: str
) -> None:
    hasty = Database(database_url, statement_timeout=0.2)
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE ab_metrics")
            with pytest.raises(TookTooLong, match=r"^the report of a funnel takes too long"):
                await Passages(hasty).of(market.project, market.experiment, SHAPES["a line"], None)
    finally:
        await holder.close()
        await hasty.dispose()
