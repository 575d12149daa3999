"""abgraph user, key and project: what an operator does on the command line."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

import click

from domain.access import Role, Scope
from domain.accounts import NewMember
from domain.administration import Administration
from domain.keys import NewApiKey
from domain.projects import Plan

Result = TypeVar("Result")


class Run(Protocol):
    def __call__(self, work: Callable[[Administration], Awaitable[Result]]) -> Result:
        """Does `work(administration)` on the configured database."""
        ...


PROJECT = click.option("--project", help="Name or id; needed where there are several.")


@click.group()
def user() -> None:
    """People who can log in."""


@user.command("create")
@click.argument("email")
@click.option("--name", help="What people call them.  [the address, up to the @]")
@click.option("--role", type=click.Choice(Role, case_sensitive=False), default=Role.EDITOR)
@click.option("--password", help="Left out: one is made up, and shown.")
@PROJECT
@click.pass_obj
def create_user(
    run: Run, email: str, name: str | None, role: Role, password: str | None, project: str | None
) -> None:
    """Let somebody into a project, and make the user where there is none."""
    made_up = None if password else secrets.token_urlsafe(12)
    new = NewMember(email=email, name=name, role=role, password=password or made_up)
    is_new = run(lambda administration: administration.create_user(project, new))
    click.echo(f"{email} is {role.name} now")
    if made_up and is_new:
        click.echo(f"password, shown this once: {made_up}")


@user.command("list")
@click.pass_obj
def list_users(run: Run) -> None:
    """Everybody, with what they may do where."""
    for found, memberships in run(lambda administration: administration.users()):
        state = "disabled" if found.disabled_at else "active"
        roles = ", ".join(f"{one.role.name} of {one.project_id}" for one in memberships)
        click.echo(f"{found.email}  {found.name}  {state}  {roles}")


@user.command("disable")
@click.argument("email")
@click.pass_obj
def disable_user(run: Run, email: str) -> None:
    """Lock somebody out, and end their sessions."""
    run(lambda administration: administration.disable_user(email))
    click.echo(f"{email} cannot log in any more")


@user.command("password")
@click.argument("email")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.pass_obj
def set_password(run: Run, email: str, password: str) -> None:
    """Give somebody a new password, and end their sessions."""
    run(lambda administration: administration.set_password(email, password))
    click.echo(f"{email} has a new password")


@click.group()
def key() -> None:
    """Keys that trackers and servers show."""


@key.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(Scope, case_sensitive=False),
    multiple=True,
    required=True,
    help="What may be done with it; give it several times for several.",
)
@click.option("--origin", "origins", multiple=True, help="Pages that may show it; * for all.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="With an offset.")
@PROJECT
@click.pass_obj
def create_key(
    run: Run,
    name: str,
    scopes: tuple[Scope, ...],
    origins: tuple[str, ...],
    expires: datetime | None,
    project: str | None,
) -> None:
    """Make a key, and show it once."""
    new = NewApiKey(name=name, scopes=scopes, allowed_origins=origins, expires_at=expires)
    _, token = run(lambda administration: administration.create_key(project, new))
    click.echo(f"{name}, shown this once: {token.text}")


@key.command("list")
@PROJECT
@click.pass_obj
def list_keys(run: Run, project: str | None) -> None:
    """The keys of a project, the latest first."""
    for found in run(lambda administration: administration.keys(project)):
        state = "revoked" if found.revoked_at else "valid"
        used = f"used {found.last_used_at:%Y-%m-%d %H:%M}" if found.last_used_at else "never used"
        click.echo(f"{found.prefix}…  {found.name}  {','.join(found.scopes)}  {state}  {used}")


@key.command("revoke")
@click.argument("prefix")
@PROJECT
@click.pass_obj
def revoke_key(run: Run, prefix: str, project: str | None) -> None:
    """End the key that begins with PREFIX; servers notice within five seconds."""
    revoked = run(lambda administration: administration.revoke_key(project, prefix))
    click.echo(f"{revoked.name} is revoked")


@click.group()
def project() -> None:
    """Projects, and what they may have."""


@project.command("create")
@click.argument("name")
@click.option("--plan", type=click.Choice(Plan, case_sensitive=False), default=Plan.FREE)
@click.pass_obj
def create_project(run: Run, name: str, plan: Plan) -> None:
    """Make a project."""
    made = run(lambda administration: administration.create_project(name, plan))
    click.echo(f"{made.name} is made: {made.id}")


@project.command("list")
@click.pass_obj
def list_projects(run: Run) -> None:
    """All projects, the eldest first."""
    for found in run(lambda administration: administration.projects()):
        click.echo(f"{found.id}  {found.name}  {found.plan.name}")


@project.command("plan")
@click.argument("plan", type=click.Choice(Plan, case_sensitive=False))
@PROJECT
@click.pass_obj
def set_plan(run: Run, plan: Plan, project: str | None) -> None:
    """Give a project another plan; what is over its limit stays."""
    changed = run(lambda administration: administration.set_plan(project, plan))
    click.echo(f"{changed.name} is {plan.name} now")
