from datetime import datetime
from typing import Annotated

import strawberry

from domain import people as domain
from domain.accounts import UserUpdate
from domain.ids import ProjectId
from graphql_api.context import Info
from graphql_api.mutations.payload import INPUT, Payload, Refusals
from graphql_api.types.inputs import changes
from graphql_api.types.people import User
from graphql_api.types.view import id_of


@strawberry.type(description="The session, or why there is none.")
class SessionPayload(Payload):
    token: str | None = strawberry.field(
        default=None, description="To be sent as `Authorization: Bearer …`; shown this once."
    )
    expires_at: datetime | None = strawberry.field(default=None, description="When it ends.")
    user: domain.User | None = strawberry.field(
        graphql_type=User | None, default=None, description="Who is logged in."
    )


@strawberry.type(description="Whether a session was ended.")
class SessionRevokePayload(Payload):
    revoked: bool = strawberry.field(
        default=False, description="False where the caller has no session."
    )


@strawberry.type(description="The user after the change, or why there was none.")
class UserPayload(Payload):
    user: domain.User | None = strawberry.field(
        graphql_type=User | None, default=None, description="As they are now."
    )


@strawberry.input(description="Who wants to log in.")
class SessionCreateInput:
    email: str = strawberry.field(description="Their address; capitals do not count.")
    password: str = strawberry.field(description="Their password.")
    project: strawberry.ID | None = strawberry.field(
        default=None, description="For which project; left out: the one they have longest."
    )


@strawberry.input(description="A field left out stays as it is.")
class UserUpdateInput:
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="What people call them."
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="The address to log in with."
    )


@strawberry.input(description="A new password for whoever is logged in.")
class PasswordChangeInput:
    current_password: str = strawberry.field(description="The one so far.")
    new_password: str = strawberry.field(description="10 to 1000 characters.")


@strawberry.type
class AccountMutations:
    @strawberry.mutation(extensions=[Refusals(SessionPayload)], description="Logs somebody in.")
    async def session_create(
        self, info: Info, input: Annotated[SessionCreateInput, INPUT]
    ) -> SessionPayload | None:
        project = None
        if input.project is not None:
            project = ProjectId(id_of("Project", input.project, ("project",)))
        done = await info.context.services.accounts.log_in(
            info.context.address, input.email, input.password, project
        )
        return SessionPayload(
            token=done.token.text, expires_at=done.session.expires_at, user=done.user
        )

    @strawberry.mutation(
        extensions=[Refusals(SessionRevokePayload)], description="Logs the caller out."
    )
    async def session_revoke(self, info: Info) -> SessionRevokePayload | None:
        revoked = await info.context.services.accounts.log_out(info.context.caller)
        info.context.services.authentication.forget()
        return SessionRevokePayload(revoked=revoked)

    @strawberry.mutation(
        extensions=[Refusals(UserPayload)], description="Changes the caller's own data."
    )
    async def user_update(
        self, info: Info, input: Annotated[UserUpdateInput, INPUT]
    ) -> UserPayload | None:
        wanted = changes(input, UserUpdate)
        user = await info.context.services.accounts.update(info.context.caller, wanted)
        info.context.services.authentication.forget()
        return UserPayload(user=user)

    @strawberry.mutation(
        extensions=[Refusals(UserPayload)],
        description="Changes the caller's own password, and ends their other sessions.",
    )
    async def password_change(
        self, info: Info, input: Annotated[PasswordChangeInput, INPUT]
    ) -> UserPayload | None:
        user = await info.context.services.accounts.change_password(
            info.context.caller, input.current_password, input.new_password
        )
        info.context.services.authentication.forget()
        return UserPayload(user=user)
