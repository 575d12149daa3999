"""The abgraph command: each subcommand calls one use case."""

import sys
from collections.abc import Coroutine
from importlib.metadata import version as installed_version
from typing import Any, TypeVar

import click
import uvloop

from graphql_api import app, logs, serving
from graphql_api.schema import schema as graph
from graphql_api.settings import Settings, WrongSetting, from_environment, with_values

Result = TypeVar("Result")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """An A/B-testing server with one typed GraphQL graph on PostgreSQL.

    Settings are environment variables, such as DATABASE_URL and ABGRAPH_PORT; flags win over them.
    """


@main.command()
@click.option("--host", help="Address to listen on.  [ABGRAPH_HOST, 127.0.0.1]")
@click.option("--port", help="Port to listen on.  [ABGRAPH_PORT, 8000]")
@click.option("--workers", help="Server processes.  [ABGRAPH_WORKERS, 1]")
@click.option("--data-dir", help="Folder of the embedded database.  [ABGRAPH_DATA_DIR, .abgraph]")
@click.option("--env", help="development or production.  [ABGRAPH_ENV, development]")
@click.option("--log-level", help="debug, info, warning or error.  [ABGRAPH_LOG_LEVEL, info]")
def serve(**flags: str | None) -> None:
    """Start the server and, unless DATABASE_URL is set, a PostgreSQL of its own."""
    settings = _settings(flags)
    logs.configure(settings.log_level, pretty=not settings.is_production)
    _run(serving.serve(settings))


@main.command()
@click.option("--to", "revision", default="head", help="Up to this revision.  [head]")
@click.option("--check", is_flag=True, help="Compare migrations and code; touches no database.")
def migrate(revision: str, check: bool) -> None:
    """Bring the database to the newest revision, and say what was done."""
    lines = _run(app.drift() if check else app.migrate(_settings({}), revision))
    for line in lines:
        click.echo(line)
    if check and lines:
        raise click.ClickException("the migrations do not make the tables that the code expects")
    if not lines:
        click.echo("the migrations make what the code expects" if check else "nothing to do")


@main.command()
@click.option("-m", "--message", required=True, help="What it does, as in 'target url'.")
def revision(message: str) -> None:
    """Write a new migration from the tables of the code, to be read and edited."""
    click.echo(_run(app.create_revision(message)))


@main.group()
def schema() -> None:
    """The GraphQL schema."""


@schema.command()
def export() -> None:
    """Print the schema in SDL."""
    click.echo(graph.as_str())


@main.command()
def version() -> None:
    """Print the version of abgraph."""
    click.echo(installed_version("abgraph"))


def _settings(flags: dict[str, Any]) -> Settings:
    try:
        return with_values(
            from_environment(), {name: text for name, text in flags.items() if text is not None}
        )
    except WrongSetting as wrong:
        raise click.ClickException(str(wrong)) from None


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return uvloop.run(work)
    except app.START_FAULTS as fault:
        raise click.ClickException(str(fault)) from None


if __name__ == "__main__":
    sys.exit(main())
