"""The abgraph command: each subcommand calls one use case."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from getpass import getuser
from importlib.metadata import version as installed_version
from typing import Any, TypeVar

import click
import uvloop

from domain.administration import Administration
from domain.demonstration import AGE, BATCH, STORIES
from graphql_api import app, logs, serving
from graphql_api.answering import Stopping
from graphql_api.commands import PROJECT, key, user
from graphql_api.commands import project as project_commands
from graphql_api.rotating import rotated
from graphql_api.schema import schema as graph
from graphql_api.settings import (
    Settings,
    WrongSetting,
    from_environment,
    unknown_variables,
    with_flags,
)
from graphql_api.start_faults import START_FAULTS, in_words

logger = logging.getLogger("abgraph")

Result = TypeVar("Result")

_DATA_DIR = click.option(
    "--data-dir",
    metavar="FOLDER",
    help="Where the embedded PostgreSQL keeps its data.  [ABGRAPH_DATA_DIR, .abgraph]",
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="All settings: README.md. Running it for others: docs/operations.md.",
)
@click.pass_context
def main(context: click.Context) -> None:
    """An A/B-testing server with one typed GraphQL graph on PostgreSQL.

    Settings are environment variables, such as DATABASE_URL and ABGRAPH_PORT;
    flags win over them. Without DATABASE_URL a PostgreSQL of its own is used.
    """
    context.obj = _administer


@main.command(short_help="Start the server, and its own PostgreSQL.")
@click.option("--host", metavar="ADDRESS", help="Where to listen.  [ABGRAPH_HOST, 127.0.0.1]")
@click.option("--port", metavar="NUMBER", help="0: any free one.  [ABGRAPH_PORT, 8000]")
@click.option("--workers", metavar="NUMBER", help="Server processes.  [ABGRAPH_WORKERS, 1]")
@_DATA_DIR
@click.option(
    "--env",
    metavar="NAME",
    help="development, or production: closed to the curious.  [ABGRAPH_ENV, development]",
)
@click.option(
    "--log-level",
    metavar="LEVEL",
    help="debug, info, warning or error.  [ABGRAPH_LOG_LEVEL, info]",
)
def serve(**flags: str | None) -> None:
    """Start the server and, unless DATABASE_URL is set, a PostgreSQL of its own.

    The tables are made and migrated first (not where ABGRAPH_MIGRATE is off).
    Ctrl-C or SIGTERM stops it: requests under way are answered, new ones refused.
    """
    settings = _settings(flags)
    logs.configure(settings.log_level, pretty=not settings.is_production)
    for sentence in unknown_variables():
        logger.warning("%s", sentence)
    _run(serving.serve(settings))


@main.command(short_help="Bring the database to a revision, and say what was done.")
@click.option(
    "--to",
    "revision",
    metavar="REVISION",
    default="head",
    help="Up to this revision, as in 005; head is the newest.  [head]",
)
@click.option(
    "--down-to",
    metavar="REVISION",
    help="Back to this revision, or -1 for one back; what later ones hold is lost.",
)
@click.option("--check", is_flag=True, help="Compare migrations and code; touches no database.")
@_DATA_DIR
def migrate(revision: str, down_to: str | None, check: bool, data_dir: str | None) -> None:
    """Bring the database to a revision, the newest by default, and say what was done.

    A running server's embedded PostgreSQL is shared with it; without one it is started
    for as long as this takes. It is done as one transaction: all of it or nothing.
    """
    if check:
        return _check()
    settings = _settings({"data_dir": data_dir})
    if down_to is None:
        lines = _run(app.migrate(settings, revision))
    else:
        lines = _run(app.downgrade(settings, down_to))
    for line in lines or ("nothing to do: the database is there already",):
        click.echo(line)
    return None


def _check() -> None:
    lines = _run(app.drift())
    for line in lines:
        click.echo(line)
    if lines:
        raise click.ClickException("the migrations do not make the tables that the code expects")
    click.echo("the migrations make what the code expects")


@main.command(short_help="Write a new migration, to be read and edited.")
@click.option(
    "-m", "--message", metavar="TEXT", required=True, help="What it does, as in 'target url'."
)
def revision(message: str) -> None:
    """Write a new migration from the tables of the code, to be read and edited."""
    click.echo(_run(app.create_revision(message)))


@main.command(short_help="Recount: are the running sums what their rows make?")
@_DATA_DIR
def verify(data_dir: str | None) -> None:
    """Hold the running sums of every experiment against the rows that they rest on.

    Each experiment is one snapshot: it may be written to meanwhile. Exit status 1
    where a sum is wrong.
    """
    wrong = _run(_verify(_settings({"data_dir": data_dir})))
    for line in wrong:
        click.echo(line)
    if wrong:
        raise click.ClickException("running sums differ from the rows that they rest on")
    click.echo("every sum is what its rows make")


async def _verify(settings: Settings) -> list[str]:
    wrong: list[str] = []
    with click.progressbar(length=1, label="recounting") as bar:
        async for found, every in app.verify(settings):
            bar.length = every
            bar.update(1)
            wrong += [f"{found.experiment}: {line}" for line in found.differences]
    return wrong


@main.command(short_help="Drop old events; results stay as they are.")
@click.option(
    "--metrics-before",
    "before",
    metavar="DATE",
    required=True,
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z"]),
    help="Events that happened before, as 2026-01-31 in UTC or with time and offset.",
)
@_DATA_DIR
def prune(before: datetime, data_dir: str | None) -> None:
    """Drop old events: results, assignments and conversions stay as they are.

    Events of that age are refused from then on; dropped rows do not come back.
    """
    moment = before.astimezone(UTC) if before.tzinfo else before.replace(tzinfo=UTC)
    if moment > datetime.now(UTC) - timedelta(days=1):
        raise click.BadParameter("must be a day ago at least: trackers may still send again")
    gone = _run(_prune(_settings({"data_dir": data_dir}), moment))
    click.echo(f"dropped {gone:,} events from before {moment:%Y-%m-%d %H:%M}Z")


async def _prune(settings: Settings, before: datetime) -> int:
    gone = 0
    with click.progressbar(length=1, label="pruning") as bar:
        async for gone, every in app.prune(settings, before):
            bar.length = max(every, 1)
            bar.update(gone - bar.pos)
    return gone


@key.command("rotate-secret", short_help="Seal what is sealed under a new secret key.")
@_DATA_DIR
def rotate_secret(data_dir: str | None) -> None:
    """Seal what is sealed under a new secret key, beside running servers.

    Where the key is in a file, a new one is made there and the old one dropped. One
    that is in ABGRAPH_SECRET_KEY is changed by you: first to NEW,OLD. Interrupted, it is
    done again. Exit status 1 where no key opens a value.
    """
    _run(rotated(_settings({"data_dir": data_dir})))


@main.command(short_help="Make three lifelike experiments, and visitors for them.")
@click.option("--visitors", type=click.IntRange(1), default=60_000, help="At once.  [60000]")
@click.option("--once", is_flag=True, help="Stop then; else visitors keep coming until Ctrl-C.")
@PROJECT
@_DATA_DIR
def demo(visitors: int, once: bool, project: str | None, data_dir: str | None) -> None:
    """Make three experiments with the visitors of two weeks: a clear winner, two variants
    that are the same, and one whose visitors get lost. Then more of them keep coming."""
    settings = _settings({"data_dir": data_dir})
    with suppress(click.Abort):
        _run(_demonstrate(settings, project, visitors, once))


async def _demonstrate(settings: Settings, project: str | None, visitors: int, once: bool) -> None:
    async with app.demonstration(settings, project, getuser()) as story:
        if not await story.begin():
            click.echo("the demo's experiments are there already: they get more visitors")
        rounds = max(visitors // (BATCH * len(STORIES)), 1)
        began, end = datetime.now(UTC) - AGE, datetime.now(UTC)
        with click.progressbar(range(rounds), label="two weeks of visitors") as bar:
            for place in bar:
                await story.visit(began + (end - began) * (place + 1) / rounds)
        click.echo("three experiments are there: " + ", ".join(each.name for each in STORIES))
        if not once:
            click.echo("visitors keep coming; Ctrl-C stops them")
        while not once:
            await asyncio.sleep(1)
            await story.visit(datetime.now(UTC))


@main.group()
def schema() -> None:
    """The GraphQL schema."""


@schema.command()
def export() -> None:
    """Print the schema in SDL, GraphQL's own notation."""
    click.echo(graph.as_str())


@main.command()
def version() -> None:
    """Print the version of abgraph."""
    click.echo(installed_version("abgraph"))


for group in (user, key, project_commands):
    main.add_command(group)


def _administer(work: Callable[[Administration], Awaitable[Result]]) -> Result:
    async def administered() -> Result:
        async with app.administration(_settings({}), getuser()) as administration:
            return await work(administration)

    return _run(administered())


def _settings(flags: Mapping[str, str | None]) -> Settings:
    try:
        given = {name: text for name, text in flags.items() if text is not None}
        return with_flags(from_environment(), given)
    except WrongSetting as wrong:
        raise click.ClickException(str(wrong)) from None


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    async def stoppable() -> Result:
        Stopping()
        return await work

    try:
        return uvloop.run(stoppable())
    except START_FAULTS as fault:
        raise click.ClickException(in_words(fault)) from None
    except asyncio.CancelledError:
        raise click.Abort from None


if __name__ == "__main__":
    sys.exit(main())
