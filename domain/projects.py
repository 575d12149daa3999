from dataclasses import dataclass
from datetime import datetime

from domain.ids import ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    id: ProjectId
    name: str
    created_at: datetime
