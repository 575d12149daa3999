"""Places on a page that an experiment changes, and what each variant puts there."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.audit import Deed
from domain.changes import UNSET, Unset
from domain.experiments import Experiment
from domain.ids import ProjectId
from domain.json_values import Json


class SelectorType(StrEnum):
    CSS = "css"
    XPATH = "xpath"
    ID = "id"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    id: UUID
    experiment_id: UUID
    name: str
    selector_type: SelectorType
    selector_value: str
    element_type: str
    position: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementVariant:
    """What one variant puts into one element."""

    id: UUID
    element_id: UUID
    variant_id: UUID
    name: str
    content: Json
    is_active: bool
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewElement:
    name: str
    selector_type: SelectorType
    selector_value: str
    element_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementUpdate:
    name: str | Unset | None = UNSET
    selector_type: SelectorType | Unset | None = UNSET
    selector_value: str | Unset | None = UNSET
    element_type: str | Unset | None = UNSET
    position: int | Unset | None = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is left open stays as it is; at first, the name is the variant's and it is active."""

    content: Json
    name: str | None = None
    is_active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementChanges:
    name: str | Unset = UNSET
    selector_type: SelectorType | Unset = UNSET
    selector_value: str | Unset = UNSET
    element_type: str | Unset = UNSET
    position: int | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementVariantChanges:
    name: str | Unset = UNSET
    content: Json | Unset = UNSET
    is_active: bool | Unset = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementEdit:
    """All that one decision changes. It stands only as long as no user was given one of the
    variants in `unseen`."""

    added: Sequence[Element] = ()
    changed: Mapping[UUID, ElementChanges] = field(default_factory=dict)
    removed: frozenset[UUID] = frozenset()
    filled: Sequence[ElementVariant] = ()
    refilled: Mapping[UUID, ElementVariantChanges] = field(default_factory=dict)
    unseen: frozenset[UUID] = frozenset()

    @property
    def is_empty(self) -> bool:
        return self == ElementEdit()


class ElementStore(Protocol):
    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Element]: ...

    async def by_experiment(
        self, project: ProjectId, experiments: Collection[UUID]
    ) -> Mapping[UUID, Sequence[Element]]:
        """By position."""
        ...

    async def contents(
        self, project: ProjectId, ids: Collection[UUID]
    ) -> Mapping[UUID, ElementVariant]: ...

    async def contents_by_element(
        self, project: ProjectId, elements: Collection[UUID]
    ) -> Mapping[UUID, Sequence[ElementVariant]]:
        """Active ones and others, by position."""
        ...

    async def contents_by_variant(
        self, project: ProjectId, variants: Collection[UUID]
    ) -> Mapping[UUID, Sequence[ElementVariant]]:
        """Only active ones, by the positions of their elements."""
        ...

    async def save(
        self, project: ProjectId, seen: Experiment, edit: ElementEdit, deed: Deed
    ) -> Experiment | None:
        """Whole, as the next version of what was seen; None, and nothing is written, where
        somebody was faster. Raises NameTaken and InUse."""
        ...
