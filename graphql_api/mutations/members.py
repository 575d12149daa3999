from datetime import datetime
from typing import Annotated

import strawberry

from domain import people as domain
from domain.access import Role, Scope
from domain.accounts import NewMember
from domain.keys import ApiKey as DomainApiKey
from domain.keys import NewApiKey
from graphql_api.context import Info
from graphql_api.mutations.payload import INPUT, DeletePayload, Payload, Refusals
from graphql_api.types.inputs import decoded
from graphql_api.types.people import ApiKey, Membership
from graphql_api.types.view import global_id, id_of


@strawberry.type(description="The membership after the change, or why there was none.")
class MemberPayload(Payload):
    membership: domain.Membership | None = strawberry.field(
        graphql_type=Membership | None, default=None, description="As it is now."
    )


@strawberry.type(description="The new key, or why there is none.")
class ApiKeyCreatePayload(Payload):
    api_key: DomainApiKey | None = strawberry.field(
        graphql_type=ApiKey | None, default=None, description="What is known of it."
    )
    key: str | None = strawberry.field(default=None, description="Shown this once.")


@strawberry.type(description="The key after the change, or why there was none.")
class ApiKeyPayload(Payload):
    api_key: DomainApiKey | None = strawberry.field(
        graphql_type=ApiKey | None, default=None, description="As it is now."
    )


@strawberry.input(description="Somebody who is to belong to the project.")
class MemberAddInput:
    email: str = strawberry.field(description="Their address; capitals do not count.")
    name: str | None = strawberry.field(
        default=None, description="What people call them; of a new user."
    )
    role: Role = strawberry.field(description="What they may do.")
    password: str | None = strawberry.field(
        default=None, description="To begin with, 10 to 1000 characters; of a new user."
    )


@strawberry.input(description="What a member may do from now on.")
class MemberUpdateInput:
    user: strawberry.ID = strawberry.field(description="Who.")
    role: Role = strawberry.field(description="What they may do.")


@strawberry.input(description="Which member is meant.")
class MemberInput:
    user: strawberry.ID = strawberry.field(description="Who.")


@strawberry.input(description="A key to be made.")
class ApiKeyCreateInput:
    name: str = strawberry.field(description="What it is for.")
    scopes: list[Scope] = strawberry.field(description="What may be done with it.")
    allowed_origins: list[str] | None = strawberry.field(
        default=None, description="The pages that may show it, as https://shop.example; * for all."
    )
    expires_at: datetime | None = strawberry.field(
        default=None, description="When it ends by itself; left out: never."
    )


@strawberry.input(description="Which key is meant.")
class ApiKeyInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.type
class MemberMutations:
    @strawberry.mutation(
        extensions=[Refusals(MemberPayload)],
        description="Lets somebody into the project, and makes the user where there is none.",
    )
    async def member_add(
        self, info: Info, input: Annotated[MemberAddInput, INPUT]
    ) -> MemberPayload | None:
        caller, new = info.context.caller, decoded(input, NewMember)
        accounts = info.context.services.accounts
        return MemberPayload(
            membership=await accounts.add_member(caller.project, caller.actor, new)
        )

    @strawberry.mutation(
        extensions=[Refusals(MemberPayload)], description="Changes what a member may do."
    )
    async def member_update(
        self, info: Info, input: Annotated[MemberUpdateInput, INPUT]
    ) -> MemberPayload | None:
        user = id_of("User", input.user, ("user",))
        accounts = info.context.services.accounts
        changed = await accounts.set_role(info.context.caller, user, input.role)
        info.context.services.authentication.forget()
        return MemberPayload(membership=changed)

    @strawberry.mutation(
        extensions=[Refusals(DeletePayload)],
        description="Takes somebody out of the project, and ends their sessions in it.",
    )
    async def member_remove(
        self, info: Info, input: Annotated[MemberInput, INPUT]
    ) -> DeletePayload | None:
        user = id_of("User", input.user, ("user",))
        await info.context.services.accounts.remove_member(info.context.caller, user)
        info.context.services.authentication.forget()
        return DeletePayload(deleted_id=global_id("User", user))

    @strawberry.mutation(
        extensions=[Refusals(ApiKeyCreatePayload)], description="Makes a key, and shows it once."
    )
    async def api_key_create(
        self, info: Info, input: Annotated[ApiKeyCreateInput, INPUT]
    ) -> ApiKeyCreatePayload | None:
        caller, new = info.context.caller, decoded(input, NewApiKey)
        key, token = await info.context.services.keys.create(caller.project, caller.actor, new)
        info.context.services.authentication.forget()
        return ApiKeyCreatePayload(api_key=key, key=token.text)

    @strawberry.mutation(
        extensions=[Refusals(ApiKeyPayload)], description="Ends a key, within five seconds."
    )
    async def api_key_revoke(
        self, info: Info, input: Annotated[ApiKeyInput, INPUT]
    ) -> ApiKeyPayload | None:
        caller, key = info.context.caller, id_of("ApiKey", input.id, ("id",))
        revoked = await info.context.services.keys.revoke(caller.project, caller.actor, key)
        info.context.services.authentication.forget()
        return ApiKeyPayload(api_key=revoked)
