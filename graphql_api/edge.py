"""What stands between clients and the use cases: bounds, documents and prices."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from domain.access import Caller
from domain.rates import Balance, Buckets, Rate
from graphql_api.bounds import Bounds
from graphql_api.library import Library
from graphql_api.limits import check_cost
from graphql_api.weighing import Weight

_PER_COST = 4  # characters of a document that is refused


class Edge:
    def __init__(self, bounds: Bounds, seconds: Callable[[], float], *, is_open: bool) -> None:
        self.bounds = bounds
        self.library = Library(bounds, is_open=is_open)
        self._buckets = Buckets(seconds)
        self._known = Rate(per_second=bounds.rate, burst=bounds.rate_burst)
        self._anonymous = Rate(per_second=bounds.anonymous_rate, burst=bounds.anonymous_burst)

    def charge(
        self, weight: Weight, variables: Mapping[str, Any], caller: Caller | None, address: str
    ) -> Balance:
        """Raises LimitPassed for what is never allowed, CostExhausted for what has to wait."""
        cost = weight.price(variables)
        check_cost(cost, self.bounds)
        return self._buckets.charge(*self._bucket(caller, address), cost)

    def fine(self, text: str, caller: Caller | None, address: str) -> Balance:
        """For a document that is refused: looking at it took about as long as running another."""
        cost = 1 + min(len(text) // _PER_COST, self.bounds.max_tokens)
        return self._buckets.fine(*self._bucket(caller, address), cost)

    def check(self, caller: Caller | None, address: str) -> None:
        """Raises Overdrawn, before anything is looked at."""
        self._buckets.check(*self._bucket(caller, address))

    def left(self, caller: Caller | None, address: str) -> Balance:
        return self._buckets.left(*self._bucket(caller, address))

    def _bucket(self, caller: Caller | None, address: str) -> tuple[Hashable, Rate]:
        if caller is None:
            return address, self._anonymous
        return (caller.project, caller.actor.id), self._known
