from collections.abc import Awaitable, Callable, Hashable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from domain.paging import Identified, Ordering, Owner, Page, Window, window
from graphql_api.loaders import Pages
from graphql_api.types.scalars import BigInt

Item = TypeVar("Item")
Row = TypeVar("Row", bound=Identified)
Asked = TypeVar("Asked", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None
    most: int

    def window(self, ordering: Ordering) -> Window:
        return window(ordering, **asdict(self))


_ARGUMENTS: dict[str, tuple[type, str]] = {
    "first": (int, "How many to read from the start of the list or behind `after`."),
    "after": (str, "The cursor behind which the page starts."),
    "last": (int, "How many to read from the end of the list or ahead of `before`."),
    "before": (str, "The cursor ahead of which the page ends."),
}


class Paged(FieldExtension):
    """Gives a field the four arguments of a connection, and its resolver one `paging`."""

    def apply(self, field: StrawberryField) -> None:
        own = [argument for argument in field.arguments if argument.python_name != "paging"]
        field.arguments = [
            *(
                StrawberryArgument(
                    python_name=name,
                    graphql_name=None,
                    type_annotation=StrawberryAnnotation(kind | None),
                    description=description,
                    default=None,
                )
                for name, (kind, description) in _ARGUMENTS.items()
            ),
            *own,
        ]

    def resolve(self, next_: Callable[..., Any], source: Any, info: Any, **arguments: Any) -> Any:
        given = {name: arguments.pop(name, None) for name in _ARGUMENTS}
        paging = Paging(**given, most=info.context.edge.bounds.max_page)
        return next_(source, info, paging=paging, **arguments)


@strawberry.type(description="Where a page lies in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is more behind this page.")
    has_previous_page: bool = strawberry.field(description="Whether there is more ahead of it.")
    start_cursor: str | None = strawberry.field(description="The cursor of its first entry.")
    end_cursor: str | None = strawberry.field(description="The cursor of its last entry.")


@strawberry.type(description="An entry of a list and where it stands.")
class Edge(Generic[Item]):
    node: Item = strawberry.field(description="The entry.")
    cursor: str = strawberry.field(description="Its place, for `after` and `before`.")


@strawberry.type(description="A page of a list.")
class Connection(Generic[Item]):
    """Page and count are read when they are selected, and only then."""

    page: strawberry.Private[Callable[[], Awaitable[Page[Any]]]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The entries of the page, each with its cursor.")
    async def edges(self) -> list[Edge[Item]]:
        page = await self.page()
        return [Edge(node=item, cursor=str(page.cursor(item))) for item in page.items]

    @strawberry.field(description="The entries of the page.")
    async def nodes(self) -> list[Item]:
        page = await self.page()
        return list(page.items)

    @strawberry.field(description="Where the page lies in the list.")
    async def page_info(self) -> PageInfo:
        page = await self.page()
        cursors = [str(page.cursor(item)) for item in (*page.items[:1], *page.items[-1:])]
        return PageInfo(
            has_next_page=page.has_next,
            has_previous_page=page.has_previous,
            start_cursor=cursors[0] if cursors else None,
            end_cursor=cursors[-1] if cursors else None,
        )

    @strawberry.field(
        graphql_type=BigInt, description="How many there are in all, whatever the page."
    )
    async def total_count(self) -> int:
        return await self.count()


def nested(
    pages: Pages[Row, Asked], owner: Owner, id: UUID, window: Window, filter: Asked
) -> Connection[Any]:
    return Connection(
        page=partial(pages.page, owner, id, window, filter),
        count=partial(pages.count, owner, id, filter),
    )
