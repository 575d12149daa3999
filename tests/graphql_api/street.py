"""Two projects side by side, each with an experiment `checkout` and somebody who asks."""

from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette

from domain.access import Scope
from persistence.engine import Database
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import Estate, key_of, settle
from tests.persistence.statements import Statement, counted

_KEY_USE = "SET last_used_at"  # is written down beside the answer, some time later


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    """`us` and `them` may do everything in their own house, and nothing in the other."""

    ours: Estate
    theirs: Estate
    us: Graph
    them: Graph
    served_from: Database
    database: Database

    async def answer(self, document: str, **variables: Any) -> tuple[Any, list[Statement]]:
        """To us, with the statements that it took."""
        async with counted(self.served_from) as statements:
            body = (await self.us.send(document, **variables)).json()
        for error in body.get("errors", ()):
            del error["extensions"]["requestId"]
        return body, [one for one in statements if _KEY_USE not in one]


async def lay_out(app: Starlette, database: Database, graph: Graph) -> Street:
    ours, theirs = (
        await settle(database, name="Our shop"),
        await settle(database, name="Their shop"),
    )
    us, them = [
        graph.showing(await key_of(database, one.project.id, *Scope)) for one in (ours, theirs)
    ]
    await us("{ viewer { scopes } }")  # from now on the key is known
    served_from: Database = app.state.database
    return Street(
        ours=ours, theirs=theirs, us=us, them=them, served_from=served_from, database=database
    )
