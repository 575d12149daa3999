"""abgraph key rotate-secret: what it shows, and what it comes to."""

import click

from graphql_api import app
from graphql_api.settings import Settings


async def rotated(settings: Settings) -> None:
    async with app.rotation(settings) as rotation:
        with click.progressbar(length=1, label="sealing anew") as bar:
            async for seen, every in rotation.run():
                bar.length = max(every, 1)
                bar.update(seen - bar.pos)
    click.echo(f"sealed {rotation.sealed:,} values under the first key of {rotation.source}")
    if rotation.lost:
        for variant in rotation.lost:
            click.echo(f"no key opens the value of variant {variant}")
        raise click.ClickException(
            f"{len(rotation.lost):,} values stay as they are, and so do the old keys: add the key "
            "that is missing at the end, and do this again"
        )
    if rotation.is_old_key_gone:
        click.echo("the old key is gone from there")
    else:
        click.echo("drop the keys behind it once every server was restarted with it in front")
