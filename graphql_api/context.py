from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from domain.authoring import Authoring
from domain.ids import ProjectId
from graphql_api.loaders import Loaders, Stores


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    stores: Stores
    authoring: Authoring


class Context:
    """What one operation works with."""

    def __init__(self, services: Services, project: ProjectId) -> None:
        self.services = services
        self.project = project
        self.renew()

    def renew(self) -> None:
        """After a change, and for each operation on one connection: what was loaded is old."""
        self.loaders = Loaders(self.services.stores, self.project)


Info: TypeAlias = strawberry.Info[Context, None]
