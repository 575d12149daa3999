from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import strawberry

from domain.access import Caller, Unauthenticated
from domain.accounts import Accounts
from domain.arranging import Arranging
from domain.authentication import Authentication
from domain.authoring import Authoring
from domain.bandits import Beliefs
from domain.following import Following
from domain.funnelling import Funnelling, FunnelReports
from domain.ids import ProjectId
from domain.keys import Keys
from domain.live import Live
from domain.rates import UNCHARGED, Balance
from domain.results import Results
from domain.running import RunningExperiments
from domain.tracking import Tracker
from graphql_api.batches import Batches
from graphql_api.edge import Edge
from graphql_api.library import Named
from graphql_api.loaders import Loaders, Stores
from graphql_api.weighing import Weight

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    stores: Stores
    authentication: Authentication
    authoring: Authoring
    arranging: Arranging
    running: RunningExperiments
    tracker: Tracker
    results: Results
    live: Live
    funnelling: Funnelling
    funnel_reports: FunnelReports
    accounts: Accounts
    keys: Keys
    beliefs: Beliefs
    batches: Batches


class Context:
    """What one operation works with."""

    def __init__(self, services: Services, edge: Edge, known: Caller | None, address: str) -> None:
        self.services = services
        self.edge = edge
        self.known = known
        self.address = address
        self.operation: Named | None = None  # once it has been found to be right
        self.balance = UNCHARGED
        self.following: Following[Any] | None = None
        self._loaders: Loaders | None = None

    @property
    def caller(self) -> Caller:
        if self.known is None:
            raise Unauthenticated
        return self.known

    @property
    def project(self) -> ProjectId:
        return self.caller.project

    @property
    def loaders(self) -> Loaders:
        if self._loaders is None:
            services = self.services
            self._loaders = Loaders(
                services.batches, services.stores, services.results, self.project
            )
        return self._loaders

    def pay(self, weight: Weight, variables: Mapping[str, Any]) -> None:
        """Raises LimitPassed and CostExhausted."""
        self.balance = self.edge.charge(weight, variables, self.known, self.address)

    def fine(self, text: str) -> None:
        """For a document that is refused."""
        self.balance = self.edge.fine(text, self.known, self.address)

    def left(self) -> Balance:
        return self.edge.left(self.known, self.address)

    async def follow(self, following: Following[Value]) -> AsyncIterator[Value]:
        """Each value with loaders of its own."""
        self.following = following
        async with aclosing(following):
            async for value in following:
                self.renew()
                yield value

    def renew(self) -> None:
        """After a change, and for each operation on one connection: what was loaded is old."""
        self._loaders = None


Info: TypeAlias = strawberry.Info[Context, None]
