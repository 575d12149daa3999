"""Every change leaves one line that says who did what to which thing, in the same transaction."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from domain.access import ActorKind
from domain.ids import NIL
from graphql_api.types.view import global_id
from persistence.engine import Database
from tests.graphql_api.conftest import EMAIL, PASSWORD, Graph
from tests.graphql_api.funnels import STEPS, made
from tests.graphql_api.people import added, key, logged_in
from tests.graphql_api.tracking import TRACKING, ask, batch
from tests.graphql_api.trail import FIELDS, entries, sent
from tests.graphql_api.writing import BUY, arm, change, draft, moved, running
from tests.persistence.contents import everything

ACTIONS = {
    "experimentCreate": "experiment.create",
    "experimentUpdate": "experiment.update",
    "experimentStart": "experiment.start",
    "experimentPause": "experiment.pause",
    "experimentResume": "experiment.resume",
    "experimentComplete": "experiment.complete",
    "experimentArchive": "experiment.archive",
    "experimentDelete": "experiment.delete",
    "variantCreate": "variant.create",
    "variantUpdate": "variant.update",
    "variantDeactivate": "variant.deactivate",
    "variantReactivate": "variant.reactivate",
    "variantDelete": "variant.delete",
    "elementCreate": "element.create",
    "elementUpdate": "element.update",
    "elementDelete": "element.delete",
    "elementVariantSet": "elementVariant.set",
    "funnelCreate": "funnel.create",
    "funnelUpdate": "funnel.update",
    "funnelDelete": "funnel.delete",
    "sessionCreate": "session.create",
    "sessionRevoke": "session.revoke",
    "userUpdate": "user.update",
    "passwordChange": "user.password",
    "memberAdd": "member.add",
    "memberUpdate": "member.update",
    "memberRemove": "member.remove",
    "apiKeyCreate": "apiKey.create",
    "apiKeyRevoke": "apiKey.revoke",
}
REFUSED: dict[str, dict[str, Any]] = {
    "experimentCreate": {"name": ""},
    "variantCreate": {"experiment": {"name": "nowhere"}, "variants": []},
    "funnelCreate": {"name": "", "steps": []},
    "funnelUpdate": {"id": global_id("Funnel", NIL)},
    "funnelDelete": {"id": global_id("Funnel", NIL)},
    "sessionCreate": {"email": EMAIL, "password": "a guess"},
    "userUpdate": {"name": ""},
    "passwordChange": {"currentPassword": "a guess", "newPassword": "a better one"},
    "memberAdd": {"email": EMAIL, "role": "VIEWER"},
    "memberUpdate": {"user": global_id("User", NIL), "role": "VIEWER"},
    "memberRemove": {"user": global_id("User", NIL)},
    "apiKeyCreate": {"name": "", "scopes": []},
    "apiKeyRevoke": {"id": global_id("ApiKey", NIL)},
    "elementCreate": {"experiment": {"name": "nowhere"}} | BUY,
    "elementUpdate": {"id": global_id("Element", NIL)},
    "elementDelete": {"id": global_id("Element", NIL)},
    "elementVariantSet": {
        "element": global_id("Element", NIL),
        "variant": global_id("Variant", NIL),
        "content": {},
    },
    **{f"variant{verb}": {"id": global_id("Variant", NIL)} for verb in ("Update", "Delete")},
    **{
        f"variant{verb}": {"id": global_id("Variant", NIL)} for verb in ("Deactivate", "Reactivate")
    },
    **{
        mutation: {"experiment": {"name": "nowhere"}}
        for mutation in ACTIONS
        if mutation.startswith("experiment") and mutation != "experimentCreate"
    },
}
_STAGES = {"Pause": "ACTIVE", "Resume": "PAUSED", "Complete": "ACTIVE"}


async def prepared(graph: Graph, mutation: str) -> tuple[Graph, dict[str, Any]]:
    """Somebody who may, and what they send."""
    if mutation.startswith("experiment"):
        return graph, await _of_experiment(graph, mutation.removeprefix("experiment"))
    if mutation.startswith("variant"):
        return graph, await _of_variant(graph, mutation.removeprefix("variant"))
    if mutation.startswith("element"):
        return graph, await _of_element(graph, mutation.removeprefix("element"))
    if mutation.startswith("funnel"):
        return graph, await _of_funnel(graph, mutation.removeprefix("funnel"))
    if mutation.startswith("member"):
        return graph, await _of_member(graph, mutation.removeprefix("member"))
    own: dict[str, dict[str, Any]] = {
        "sessionCreate": {"email": EMAIL, "password": PASSWORD},
        "sessionRevoke": {},
        "userUpdate": {"name": "Ada L."},
        "passwordChange": {"currentPassword": PASSWORD, "newPassword": "a better one"},
        "apiKeyCreate": {"name": "shop", "scopes": ["READ"]},
    }
    if mutation in own:
        return await logged_in(graph), own[mutation]
    _, known = await key(graph, "READ")
    return graph, {"id": known["id"]}


async def _of_experiment(graph: Graph, verb: str) -> dict[str, Any]:
    if verb == "Create":
        return {"name": "checkout"}
    made = await moved(graph, _STAGES.get(verb, "DRAFT"))
    more = {"description": "shorter"} if verb == "Update" else {}
    return {"experiment": {"id": made["id"]}} | more


async def _of_variant(graph: Graph, verb: str) -> dict[str, Any]:
    made = await (draft if verb in ("Create", "Delete") else running)(graph)
    if verb == "Create":
        return {"experiment": {"id": made["id"]}, "variants": [{"name": "c"}]}
    variant = {"id": arm(made, "b")["id"]}
    if verb == "Reactivate":
        await sent(graph, "variantDeactivate", variant)
    return variant | ({"label": "B"} if verb == "Update" else {})


async def _of_element(graph: Graph, verb: str) -> dict[str, Any]:
    made = await draft(graph)
    new = {"experiment": {"id": made["id"]}} | BUY
    if verb == "Create":
        return new
    element = (await change(graph, "elementCreate", **new))["element"]["id"]
    if verb == "VariantSet":
        return {"element": element, "variant": arm(made, "b")["id"], "content": {"text": "Pay"}}
    return {"id": element} | ({"position": 5} if verb == "Update" else {})


async def _of_funnel(graph: Graph, verb: str) -> dict[str, Any]:
    if verb == "Create":
        return {"name": "orders", "steps": STEPS}
    known = {"id": (await made(graph))["id"]}
    return known | ({"steps": STEPS[1:], "name": "sales"} if verb == "Update" else {})


async def _of_member(graph: Graph, verb: str) -> dict[str, Any]:
    if verb == "Add":
        password = "a password of Bob's"  # noqa: S105
        return {"email": "bob@shop.example", "role": "VIEWER", "password": password}
    made = await added(graph, "VIEWER", "bob@shop.example")
    return {"user": made["user"]["id"]} | ({"role": "EDITOR"} if verb == "Update" else {})


def test_every_mutation_is_known_here() -> None:
    assert sorted(ACTIONS) == sorted(FIELDS.keys() - set(TRACKING))
    assert sorted(REFUSED) == sorted(ACTIONS.keys() - {"sessionRevoke"})


@pytest.mark.parametrize("mutation", ACTIONS)
async def test_every_mutation_leaves_one_line(
    graph: Graph, database: Database, mutation: str
) -> None:
    client, asked = await prepared(graph, mutation)
    before = await entries(database)

    assert (await sent(client, mutation, asked))["data"][mutation]["errors"] == []

    entry, *others = (await entries(database))[len(before) :]
    assert (entry.action, others) == (ACTIONS[mutation], [])
    assert timedelta(0) <= datetime.now(UTC) - entry.happened_at < timedelta(seconds=5)
    is_key = client is graph
    assert entry.actor_kind is (ActorKind.API_KEY if is_key else ActorKind.USER)
    assert entry.actor_name == ("server" if is_key else EMAIL)
    assert entry.actor_id is not None
    assert entry.subject_name != ""


@pytest.mark.parametrize("mutation", REFUSED)
async def test_a_refused_one_leaves_none(graph: Graph, database: Database, mutation: str) -> None:
    is_own = mutation in ("userUpdate", "passwordChange")
    client = await logged_in(graph) if is_own else graph
    before = await entries(database)

    body = await sent(client, mutation, REFUSED[mutation])

    assert body["data"][mutation]["errors"] != []
    assert await entries(database) == before


async def test_what_trackers_do_leaves_none(graph: Graph, database: Database) -> None:
    await running(graph)
    before = await entries(database)

    for mutation in ("assign", "assignAll", "convert"):
        assert (await ask(graph, mutation))["errors"] == []
    assert (await ask(graph, "track", eventType="order"))["recorded"] is True
    assert (await batch(graph, "assignBatch", [{"userId": "bob"}]))[0]["reason"] == "NEW"

    assert await entries(database) == before


async def test_a_forbidden_one_leaves_none(graph: Graph, database: Database) -> None:
    reader, _ = await key(graph, "READ")
    before = await entries(database)

    await sent(reader, "experimentCreate", {"name": "checkout"})

    assert await entries(database) == before


@pytest.mark.parametrize("mutation", ACTIONS)
async def test_without_its_line_nothing_is_changed(
    graph: Graph, database_url: str, mutation: str
) -> None:
    client, asked = await prepared(graph, mutation)
    await _run(database_url, "ALTER TABLE ab_audit ADD CHECK (false) NOT VALID")
    before = await _but_for_uses(database_url)

    body = await sent(client, mutation, asked)

    [error] = body["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert await _but_for_uses(database_url) == before


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _but_for_uses(url: str) -> dict[str, list[str]]:
    """A key's last use is written beside the requests."""
    await _run(url, "UPDATE ab_api_keys SET last_used_at = '2026-01-01'")
    return await everything(url)
