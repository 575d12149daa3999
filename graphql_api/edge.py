"""What stands between clients and the use cases: bounds, documents and prices."""

from collections.abc import Callable, Mapping
from typing import Any

from domain.access import Caller
from domain.rates import Balance, Buckets, Rate
from graphql_api.bounds import Bounds
from graphql_api.library import Library
from graphql_api.limits import check_cost
from graphql_api.weighing import Weight


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
        if caller is None:
            return self._buckets.charge(address, self._anonymous, cost)
        return self._buckets.charge((caller.project, caller.actor.id), self._known, cost)
