"""Keyset pages: a cursor says behind which row a page starts, so that no row is skipped or
repeated while others come and go, and the hundredth page costs what the first one does."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from domain.errors import BadRequest
from domain.ids import ProjectId

DEFAULT_SIZE = 20
MAX_SIZE = 100
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


class Owner(StrEnum):
    """What a nested page hangs on, by the attribute that names it."""

    EXPERIMENT = "experiment_id"
    VARIANT = "variant_id"
    ASSIGNMENT = "assignment_id"


class Identified(Protocol):
    @property
    def id(self) -> UUID: ...


Item = TypeVar("Item", bound=Identified, covariant=True)
Asked = TypeVar("Asked", bound=Hashable, contravariant=True)
Key = str | datetime


@dataclass(frozen=True, slots=True)
class Ordering:
    """By one attribute and, among equals, by id. A time still to come counts as NEVER."""

    attribute: str
    descending: bool = True

    @property
    def token(self) -> str:
        return f"{self.attribute}{'-' if self.descending else '+'}"

    def cursor(self, item: Identified) -> "Cursor":
        key: Key | None = getattr(item, self.attribute)
        return Cursor(self.token, NEVER if key is None else key, item.id)


@dataclass(frozen=True, slots=True)
class Cursor:
    ordering: str
    key: Key
    id: UUID

    def __str__(self) -> str:
        key = self.key.isoformat() if isinstance(self.key, datetime) else self.key
        kind = "t" if isinstance(self.key, datetime) else "s"
        parts = json.dumps([self.ordering, kind, key, self.id.hex], separators=(",", ":"))
        return urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def parse_cursor(text: str, ordering: Ordering) -> Cursor:
    """Raises BadRequest for what is no cursor, or one of a list in another order."""
    try:
        parts = json.loads(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        token, kind, key, row = (str(part) for part in parts)
        cursor = Cursor(token, datetime.fromisoformat(key) if kind == "t" else key, UUID(row))
    except (ValueError, TypeError, RecursionError):
        raise BadRequest("that cursor is malformed: use one that this list has returned") from None
    if cursor.ordering != ordering.token or kind not in ("s", "t"):
        raise BadRequest("that cursor belongs to a list in another order")
    return cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of an ordered list: `size` rows from its start, or, backwards, from its end."""

    size: int = DEFAULT_SIZE
    backwards: bool = False
    after: Cursor | None = None
    before: Cursor | None = None
    ordering: Ordering


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    items: Sequence[Item]
    window: Window
    has_next: bool = False
    has_previous: bool = False

    def cursor(self, item: Identified) -> Cursor:
        return self.window.ordering.cursor(item)


def window(
    ordering: Ordering,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    most: int = MAX_SIZE,
) -> Window:
    """Raises BadRequest where the four of them make no page."""
    if first is not None and last is not None:
        raise BadRequest("give first or last, not both")
    for name, size in (("first", first), ("last", last)):
        if size is not None and not 0 <= size <= most:
            raise BadRequest(f"{name} is {size}: it may be 0 to {most}")
    size = first if first is not None else last
    return Window(
        size=min(DEFAULT_SIZE, most) if size is None else size,
        backwards=last is not None,
        after=None if after is None else parse_cursor(after, ordering),
        before=None if before is None else parse_cursor(before, ordering),
        ordering=ordering,
    )


def page(rows: Sequence[Item], window: Window) -> Page[Item]:
    """From up to size + 1 rows in the direction of reading: the one too many tells of more."""
    more = len(rows) > window.size
    items = rows[: window.size]
    if window.backwards:
        return Page(
            items=items[::-1], window=window, has_next=window.before is not None, has_previous=more
        )
    return Page(items=items, window=window, has_next=more, has_previous=window.after is not None)


class Nested(Protocol[Item, Asked]):
    """What the stores of things that hang on an owner have in common."""

    async def by_ids(self, project: ProjectId, ids: Collection[UUID]) -> Mapping[UUID, Item]: ...

    async def pages(
        self,
        project: ProjectId,
        owner: Owner,
        owners: Collection[UUID],
        window: Window,
        filter: Asked,
    ) -> Mapping[UUID, Page[Item]]:
        """A page for each owner, all in one statement."""
        ...

    async def counts(
        self, project: ProjectId, owner: Owner, owners: Collection[UUID], filter: Asked
    ) -> Mapping[UUID, int]: ...
