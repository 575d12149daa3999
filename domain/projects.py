from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.ids import ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: ProjectId
    name: str
    created_at: datetime


class ProjectStore(Protocol):
    async def first(self, name: str, now: datetime) -> Project:
        """The oldest project; one of that name is made where there is none, once."""
        ...
