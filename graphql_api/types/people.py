from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from domain import audit as domain_audit
from domain import people as domain
from domain import projects as domain_projects
from domain.access import ActorKind, Caller, Role, Scope
from domain.audit import NEWEST_FIRST, AuditFilter
from domain.keys import ApiKey as DomainApiKey
from domain.paging import Identified, Owner
from domain.projects import Plan
from graphql_api.context import Info
from graphql_api.types.connection import Connection, Paged, Paging, nested
from graphql_api.types.view import Node, View


@strawberry.type(description="Somebody who can log in.")
class User(View, Node):
    entity = domain.User
    hidden = frozenset({"password_hash", "disabled_at"})

    email: str = strawberry.field(description="The address to log in with, in small letters.")
    name: str = strawberry.field(description="What people call them.")
    created_at: datetime = strawberry.field(description="When they were made.")

    @strawberry.field(
        graphql_type=list[Annotated["Membership", strawberry.lazy("graphql_api.types.people")]],
        description="What they may do in this project; other projects do not show.",
    )
    async def memberships(
        parent: strawberry.Parent[domain.User], info: Info
    ) -> list[domain.Membership]:
        members = await info.context.loaders.people.members.load(info.context.project)
        return [member for member in members if member.user_id == parent.id]


@strawberry.type(description="A key that a tracker or a server shows.")
class ApiKey(View, Node):
    entity = DomainApiKey
    hidden = frozenset({"project_id", "key_hash", "scopes"})  # scopes are texts in the entity

    name: str = strawberry.field(description="What it is for.")
    prefix: str = strawberry.field(
        description="The first characters, to recognise it by; the key itself is shown once, when "
        "it is made."
    )
    allowed_origins: list[str] = strawberry.field(
        description="The pages that may show it, by origin; `*` stands for all."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last shown, to the minute."
    )
    expires_at: datetime | None = strawberry.field(description="When it ends by itself.")
    revoked_at: datetime | None = strawberry.field(description="When it was revoked.")

    @strawberry.field(description="What may be done with it.")
    def scopes(parent: strawberry.Parent[DomainApiKey]) -> list[Scope]:
        return [Scope(scope) for scope in parent.scopes]


@strawberry.type(description="Who did what to which thing, and when.")
class AuditEntry(View, Node):
    entity = domain_audit.AuditEntry
    hidden = frozenset({"project_id", "subject_id", "experiment_id", "actor_id"})

    happened_at: datetime = strawberry.field(description="When.")
    actor_kind: ActorKind = strawberry.field(description="What kind of caller it was.")
    actor_name: str = strawberry.field(description="The user's address, or the key's name.")
    action: str = strawberry.field(description="What was done, as `experiment.start`.")
    subject_name: str = strawberry.field(description="The name, then, of what it was done to.")
    changes: JSON = strawberry.field(description="What is different since; never a secret.")


def _history(
    parent: strawberry.Parent[Identified], info: Info, paging: Paging
) -> Connection[AuditEntry]:
    window = paging.window(NEWEST_FIRST)
    return nested(info.context.loaders.history, Owner.EXPERIMENT, parent.id, window, AuditFilter())


EXPERIMENT_HISTORY: Any = strawberry.field(
    _history, extensions=[Paged()], description="What was done to it, the latest first."
)


@strawberry.type(description="What a team works in; nothing of it is seen from another one.")
class Project(View, Node):
    entity = domain_projects.Project

    name: str = strawberry.field(description="What people call it.")
    plan: Plan = strawberry.field(description="What was agreed on.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @strawberry.field(
        description="How many experiments, not archived, the plan allows; null: no limit."
    )
    def experiment_limit(parent: strawberry.Parent[domain_projects.Project]) -> int | None:
        return parent.plan.experiment_limit

    @strawberry.field(description="How many experiments, not archived, there are.")
    async def experiment_count(
        parent: strawberry.Parent[domain_projects.Project], info: Info
    ) -> int:
        return await info.context.loaders.experiments_of_project.load(parent.id) or 0

    @strawberry.field(
        graphql_type=list[Annotated["Membership", strawberry.lazy("graphql_api.types.people")]],
        description="Who belongs to it, the eldest first.",
    )
    async def members(
        parent: strawberry.Parent[domain_projects.Project], info: Info
    ) -> Sequence[domain.Membership]:
        return await info.context.loaders.people.members.load(parent.id)

    @strawberry.field(graphql_type=list[ApiKey], description="Its keys, the latest first.")
    async def api_keys(
        parent: strawberry.Parent[domain_projects.Project], info: Info
    ) -> Sequence[DomainApiKey]:
        return await info.context.loaders.people.keys.load(parent.id)

    @strawberry.field(extensions=[Paged()], description="What was done in it, the latest first.")
    def history(
        parent: strawberry.Parent[domain_projects.Project], info: Info, paging: Paging
    ) -> Connection[AuditEntry]:
        window, loaders = paging.window(NEWEST_FIRST), info.context.loaders
        return Connection(page=partial(loaders.history_page, window), count=loaders.history_count)


@strawberry.type(description="What somebody may do in a project.")
class Membership(View):
    entity = domain.Membership
    hidden = frozenset({"project_id", "user_id"})

    role: Role = strawberry.field(description="What they may do.")
    created_at: datetime = strawberry.field(description="Since when they belong to it.")

    @strawberry.field(graphql_type=Project, description="The project.")
    async def project(
        parent: strawberry.Parent[domain.Membership], info: Info
    ) -> domain_projects.Project | None:
        return await info.context.loaders.project.load(parent.project_id)

    @strawberry.field(graphql_type=User, description="The user.")
    async def user(parent: strawberry.Parent[domain.Membership], info: Info) -> domain.User | None:
        return await info.context.loaders.people.user.load(parent.user_id)


@strawberry.type(description="Who is asking.")
class Viewer:
    caller: strawberry.Private[Caller]

    @strawberry.field(graphql_type=User | None, description="The user that is logged in.")
    async def user(self, info: Info) -> domain.User | None:
        user = self.caller.user
        return None if user is None else await info.context.loaders.people.user.load(user)

    @strawberry.field(graphql_type=ApiKey | None, description="The key that was shown.")
    async def api_key(self, info: Info) -> DomainApiKey | None:
        key = self.caller.api_key
        return None if key is None else await info.context.loaders.people.api_key.load(key)

    @strawberry.field(graphql_type=Project, description="The project that it is all about.")
    async def project(self, info: Info) -> domain_projects.Project | None:
        return await info.context.loaders.project.load(self.caller.project)

    @strawberry.field(description="What the caller may do.")
    def scopes(self) -> list[Scope]:
        return [scope for scope in Scope if scope in self.caller.scopes]
