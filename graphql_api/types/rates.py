from datetime import UTC, datetime, timedelta

import strawberry

from domain.rates import Balance


@strawberry.type(
    description="A bucket of cost, by key, by user or, for who shows neither, by address; it fills "
    "again all the time. A field costs 1 and results 10, and what is below a list with a size is "
    "taken that many times."
)
class RateLimit:
    limit: int = strawberry.field(description="What it holds when it is full.")
    remaining: int = strawberry.field(description="What is left in it.")
    reset_at: datetime = strawberry.field(description="When it will be full again.")
    cost: int = strawberry.field(description="What this operation was charged.")


def shown(balance: Balance) -> RateLimit:
    return RateLimit(
        limit=balance.limit,
        remaining=balance.remaining,
        reset_at=datetime.now(UTC) + timedelta(seconds=balance.full_in),
        cost=balance.charged,
    )
