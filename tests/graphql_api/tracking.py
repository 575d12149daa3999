"""What tests of trackers send, and how they see what is stored of it."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from sqlalchemy import func, select
from starlette.applications import Starlette

from domain.bucketing import bucket
from domain.experiments import HashAlgorithm
from persistence.models import RUNNING_SUMS
from persistence.tables import (
    assignments,
    metric_definitions,
    metrics,
    running_sums,
    user_totals,
    variants,
)
from tests.graphql_api.conftest import Graph
from tests.graphql_api.rows import AUTHENTICATION, database_of
from tests.persistence.statements import counted

Shown = dict[str, Any]

_USER = "assignment { id userId phase bucketValue propensity variant { name } }"
_CONVERTED = "assignment { id variant { name } hasConverted convertedAt conversionValue }"
_EVENT = "metric { id eventType eventValue eventTimestamp source createdAt variant { name } }"
_ERRORS = "errors { message path code }"
_ASSIGNED = f"reason variant {{ name }} {_USER} {_ERRORS}"
_DOCUMENTS = {
    "assign": ("AssignInput!", _ASSIGNED),
    "assignAll": ("AssignAllInput!", f"results {{ experiment {_ASSIGNED} }} {_ERRORS}"),
    "assignBatch": ("[AssignInput!]!", f"results {{ {_ASSIGNED} }} {_ERRORS}"),
    "convert": ("ConvertInput!", f"recorded {_CONVERTED} {_ERRORS}"),
    "convertBatch": (
        "[ConvertInput!]!",
        f"results {{ recorded {_CONVERTED} {_ERRORS} }} {_ERRORS}",
    ),
    "track": ("TrackInput!", f"recorded {_EVENT} {_ERRORS}"),
    "trackBatch": ("[TrackInput!]!", f"results {{ recorded {_EVENT} {_ERRORS} }} {_ERRORS}"),
}
TRACKING = tuple(_DOCUMENTS)
BOTH = {"a": 0.5, "b": 0.5}
_LOOKS_AGAIN = "SELECT ab_experiments.id, ab_experiments.version"


class Held(NamedTuple):
    """The sums of one variant, its stripes taken together; exact, as decimals are."""

    users: int
    total: Any = 0
    squares: Any = 0
    events: int = 0
    event_squares: int = 0
    cross_products: Any = 0
    capped: int = 0


def document(mutation: str, shown: str | None = None) -> str:
    kind, usual = _DOCUMENTS[mutation]
    return f"mutation ($input: {kind}) {{ {mutation}(input: $input) {{ {shown or usual} }} }}"


async def ask(graph: Graph, mutation: str, user_id: str = "ada", **input: Any) -> Shown:
    """The payload, of the experiment `checkout` where no other is named."""
    usual = {} if mutation == "assignAll" else {"experiment": "checkout"}
    answer = await graph(document(mutation), input={"userId": user_id} | usual | input)
    payload: Shown = answer[mutation]
    return payload


async def assign(graph: Graph, user_id: str = "ada", **input: Any) -> tuple[str, str | None]:
    """The reason and the name of the variant; what is recorded is of the same."""
    return outcome(await ask(graph, "assign", user_id, **input))


async def convert(graph: Graph, user_id: str = "ada", **input: Any) -> Shown:
    return _sound(await ask(graph, "convert", user_id, **input))


async def track(graph: Graph, event_type: str, user_id: str = "ada", **input: Any) -> Shown:
    return _sound(await ask(graph, "track", user_id, eventType=event_type, **input))


async def batch(graph: Graph, mutation: str, items: Sequence[Shown]) -> list[Shown]:
    """The answers, of `checkout` where no other is named."""
    given = [{"experiment": "checkout"} | item for item in items]
    payload = (await graph(document(mutation), input=given))[mutation]
    assert payload["errors"] == []
    results: list[Shown] = payload["results"]
    return results


def outcome(answer: Shown) -> tuple[str, str | None]:
    assert answer["errors"] == []
    recorded, variant = answer["assignment"], answer["variant"]
    assert recorded is None or recorded["variant"] == variant
    return answer["reason"], variant and variant["name"]


def refusals(answer: Shown) -> list[tuple[str, str, str]]:
    """Code, place in the input and sentence of each, where nothing else is told."""
    assert not any(value for name, value in answer.items() if name not in ("errors", "experiment"))
    return [(one["code"], ".".join(one["path"]), one["message"]) for one in answer["errors"]]


def users_between(low: float, high: float, seed: str = "checkout") -> Iterator[str]:
    """Whose buckets lie there."""
    for number in count():
        user = f"u{number}"
        if low <= bucket(HashAlgorithm.GROWTHBOOK_V2, seed, user) < high:
            yield user


async def written(app: Starlette) -> tuple[int, int, int, int]:
    """How many assignments, events, users' totals and sums there are."""
    tables = (assignments, metrics, user_totals, running_sums)
    counts = (select(func.count()).select_from(table).scalar_subquery() for table in tables)
    [row] = await database_of(app).rows(select(*counts))
    a, m, t, s = row
    return a, m, t, s


async def sums(app: Starlette) -> dict[tuple[str, str], Held]:
    """By variant and metric; that of an experiment's users has no name."""
    found: dict[tuple[str, str], Held] = {}
    for (variant, metric, _), held in (await sums_by_phase(app)).items():
        found[variant, metric] = _together(found.get((variant, metric)), held)
    return found


async def sums_by_phase(app: Starlette) -> dict[tuple[str, str, int], Held]:
    arms = await _names(app, select(variants.c.id, variants.c.name))
    metrics = await _names(app, select(metric_definitions.c.id, metric_definitions.c.name))
    found: dict[tuple[str, str, int], Held] = {}
    for row in RUNNING_SUMS.read(await database_of(app).rows(select(*RUNNING_SUMS.columns))):
        key = (arms[row.variant_id], metrics.get(row.metric_id, ""), row.phase)
        held = Held._make(getattr(row, name) for name in Held._fields)
        found[key] = _together(found.get(key), held)
    return found


async def took(app: Starlette, graph: Graph, mutation: str, input: object) -> list[str]:
    """What it did to which table; that experiments are looked after twice a second, however many
    calls there are, is left out."""
    asked = document(mutation, "errors { code }")
    async with counted(database_of(app), besides=AUTHENTICATION) as seen:
        assert await graph(asked, input=input) == {mutation: {"errors": []}}
    return [_told(one.split()) for one in seen if not one.startswith(_LOOKS_AGAIN)]


def _together(one: Held | None, other: Held) -> Held:
    return other if one is None else Held._make(a + b for a, b in zip(one, other, strict=True))


def _told(words: Sequence[str]) -> str:
    verb = next(word for word in words if word in ("INSERT", "UPDATE", "SELECT"))
    table = next(word for word in words if word.startswith("ab_"))
    return f"{verb} {table.partition('.')[0]}"


async def _names(app: Starlette, query: Any) -> dict[Any, str]:
    return {row[0]: row[1] for row in await database_of(app).rows(query)}


def _sound(answer: Shown) -> Shown:
    assert answer["errors"] == []
    return answer
