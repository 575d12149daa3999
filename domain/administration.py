"""What is done on the server's own command line, across all projects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.access import Actor, ActorKind
from domain.accounts import Accounts, NewMember
from domain.audit import Deed
from domain.checks import Checks
from domain.errors import InvalidInput, NotFound
from domain.ids import ProjectId, new_id
from domain.keys import ApiKey, Keys, KeyStore, NewApiKey
from domain.people import (
    Membership,
    PasswordHasher,
    PeopleStore,
    User,
    UserChanges,
    check_password,
    normalised,
)
from domain.projects import Plan, Project, ProjectStore
from domain.tokens import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    people: PeopleStore
    projects: ProjectStore
    keys: KeyStore


class Administration:
    def __init__(
        self,
        directory: Directory,
        passwords: PasswordHasher,
        accounts: Accounts,
        operator: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._people = directory.people
        self._projects = directory.projects
        self._keys = directory.keys
        self._passwords = passwords
        self._accounts = accounts
        self._operator = Actor(kind=ActorKind.OPERATOR, name=operator)
        self._clock = clock

    async def projects(self) -> Sequence[Project]:
        return await self._projects.all()

    async def project(self, name: str | None) -> Project:
        """By name or id; it need not be named where there is one only."""
        found = [
            project
            for project in await self._projects.all()
            if name is None or name in (project.name, str(project.id))
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFound(f"there is no project {name}" if name else "there is no project yet")
        raise InvalidInput(f"{len(found)} projects fit: say which by its id, with --project")

    async def create_project(self, name: str, plan: Plan) -> Project:
        checks = Checks()
        checks.name(("name",), name)
        checks.done()
        project = Project(id=ProjectId(new_id()), name=name, plan=plan, created_at=self._clock())
        await self._projects.create(project, self._deed("project.create"))
        return project

    async def set_plan(self, name: str | None, plan: Plan) -> Project:
        project = await self.project(name)
        return (
            await self._projects.set_plan(project.id, plan, self._deed("project.plan")) or project
        )

    async def users(self) -> Sequence[tuple[User, Sequence[Membership]]]:
        return [
            (user, await self._people.memberships_of(user.id)) for user in await self._people.all()
        ]

    async def create_user(self, project: str | None, new: NewMember) -> bool:
        """Whether the user is new; one who is known keeps the password."""
        found = await self.project(project)
        known = await self._people.by_email(normalised(new.email))
        await self._accounts.add_member(found.id, self._operator, new)
        return known is None

    async def disable_user(self, email: str) -> User:
        return await self._change(email, UserChanges(disabled_at=self._clock()), "user.disable")

    async def set_password(self, email: str, password: str) -> User:
        checks = Checks()
        check_password(checks, ("password",), password)
        checks.done()
        changes = UserChanges(password_hash=await self._passwords.hash(password))
        return await self._change(email, changes, "user.password")

    async def create_key(self, project: str | None, new: NewApiKey) -> tuple[ApiKey, Token]:
        found = await self.project(project)
        return await Keys(self._keys, self._clock).create(found.id, self._operator, new)

    async def keys(self, project: str | None) -> Sequence[ApiKey]:
        return await self._keys.of_project((await self.project(project)).id)

    async def revoke_key(self, project: str | None, prefix: str) -> ApiKey:
        found = [key for key in await self.keys(project) if key.prefix == prefix]
        if len(found) != 1:
            raise NotFound(f"{len(found)} keys begin with {prefix}: one has to")
        (key,) = found
        use_case = Keys(self._keys, self._clock)
        return await use_case.revoke(key.project_id, self._operator, key.id)

    async def _change(self, email: str, changes: UserChanges, action: str) -> User:
        user = await self._people.by_email(normalised(email))
        if user is None:
            raise NotFound(f"there is no user {email}")
        return await self._people.change_anywhere(user.id, changes, self._deed(action)) or user

    def _deed(self, action: str) -> Deed:
        return Deed(actor=self._operator, action=action, at=self._clock())
