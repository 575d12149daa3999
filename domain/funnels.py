"""Funnels: the steps that users take one after the other, and how many of them get how far."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.audit import Deed
from domain.changes import UNSET, Unset
from domain.ids import ProjectId
from domain.paging import Ordering, Page, Window
from domain.variants import Variant

NEWEST_FIRST = Ordering("created_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    id: UUID
    project_id: ProjectId
    name: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    id: UUID
    funnel_id: UUID
    name: str
    event_type: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelLink:
    """Whoever was at the source may come to the target."""

    source: FunnelStep
    target: FunnelStep


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnds:
    """A link as it is stored."""

    funnel_id: UUID
    source_id: UUID
    target_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """All steps, by position, and the links between them, by the positions of their ends."""

    steps: Sequence[FunnelStep]
    links: Sequence[FunnelLink]

    def sources(self, step: FunnelStep) -> Sequence[FunnelStep]:
        """None: the step is one of the first."""
        return [link.source for link in self.links if link.target.id == step.id]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelChanges:
    name: str | Unset = UNSET
    description: str | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelEdit:
    """`path` replaces the steps and links as a whole."""

    changes: FunnelChanges = field(default_factory=FunnelChanges)
    path: Path | Unset = UNSET

    @property
    def is_empty(self) -> bool:
        return self == FunnelEdit()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPassage:
    users: int
    median_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """How many users of one variant began, reached each step, had been at any step before it, and
    went along each link; in the order of the steps and of the links."""

    began: int
    reached: Sequence[int]
    before: Sequence[int]
    links: Sequence[LinkPassage]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStepReport:
    step: FunnelStep
    users: int
    share_of_first: float
    share_of_previous: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelLinkReport:
    link: FunnelLink
    users: int
    share: float
    median_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelVariantReport:
    variant: Variant
    steps: Sequence[FunnelStepReport]
    links: Sequence[FunnelLinkReport]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelReport:
    variants: Sequence[FunnelVariantReport]


class FunnelStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Funnel]: ...

    async def page(self, project: ProjectId, window: Window) -> Page[Funnel]: ...

    async def count(self, project: ProjectId) -> int: ...

    async def steps_by_ids(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, FunnelStep]: ...

    async def paths(self, project: ProjectId, funnels: Collection[UUID]) -> Mapping[UUID, Path]: ...

    async def create(self, funnel: Funnel, path: Path, deed: Deed) -> None:
        """All of it or nothing; raises NameTaken."""
        ...

    async def save(
        self, project: ProjectId, seen: Funnel, edit: FunnelEdit, deed: Deed
    ) -> Funnel | None:
        """Whole, as the next version of what was seen; None, and nothing is written, where
        somebody was faster. Raises NameTaken."""
        ...

    async def delete(self, project: ProjectId, id: UUID, deed: Deed) -> bool:
        """With its steps and links; False where there is none."""
        ...

    async def passages(
        self, project: ProjectId, experiment: UUID, path: Path, within: timedelta | None
    ) -> Mapping[UUID, Passage]:
        """By variant, of those with users that began. Raises TookTooLong."""
        ...
