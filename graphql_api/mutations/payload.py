from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.extensions.field_extension import FieldExtension

from domain.errors import DomainError, Invalid
from graphql_api.context import Info
from graphql_api.queries import Query
from graphql_api.types.user_error import UserError, user_errors

INPUT = strawberry.argument(description="What is to be changed, and how.")


@strawberry.type(description="What a tracker is answered.")
class Answer:
    errors: list[UserError] = strawberry.field(
        description="All that was wrong; nothing was changed then.", default_factory=list
    )


@strawberry.type(description="What every change answers with.")
class Payload(Answer):
    @strawberry.field(description="Whatever else is to be read after the change.")
    def query(self) -> Query:
        return Query()


@strawberry.type(description="What was removed, or why nothing was.")
class DeletePayload(Payload):
    deleted_id: strawberry.ID | None = strawberry.field(default=None, description="Its id.")


class Refusals(FieldExtension):
    """Answers a refusal with the mutation's own payload. What was loaded before is forgotten."""

    def __init__(self, payload: type[Answer]) -> None:
        self.payload = payload

    async def resolve_async(
        self,
        next_: Callable[..., Awaitable[Any]],
        source: Any,
        info: Info,
        **arguments: Any,
    ) -> Any:
        try:
            return await next_(source, info, **arguments)
        except (DomainError, Invalid) as refusal:
            return self.payload(errors=user_errors(refusal))
        finally:
            info.context.renew()
