"""How large a document may be: what is at a limit passes, and one more is refused."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLSyntaxError, get_introspection_query
from starlette.applications import Starlette

from graphql_api.bounds import Bounds
from graphql_api.library import Library
from graphql_api.schema import schema
from persistence.engine import Database
from tests.graphql_api.bounded import bounded
from tests.graphql_api.conftest import Graph
from tests.persistence.statements import counted

SCHEMA = schema._schema  # noqa: SLF001  it has no other name
COMPARED = "limit of comparisons of fields with the same name: this document has"
GENEROUS = 0.5  # seconds; benchmarks/refusals.py says what it is


def nested(depth: int) -> str:
    way = ['experiment(by: { name: "a" })'] + ["variants", "experiment"] * depth
    return "{" + "{".join([*way[: depth - 1], "id"]) + "}" * depth


def aliased(count: int) -> str:
    return "{" + " ".join(f"a{n}: __typename" for n in range(count)) + "}"


def changing(count: int) -> str:
    change = 'experimentPause(input: { experiment: { name: "a" } }) { errors { code } }'
    return "mutation {" + " ".join(f"a{n}: {change}" for n in range(count)) + "}"


def directed(count: int) -> str:
    return "{" + "__typename @include(if: true) " * count + "}"


def repeated(count: int) -> str:
    return "{" + "__typename " * count + "}"


SIZES: dict[str, tuple[Callable[[int], str], int]] = {
    "depth": (nested, 12),
    "aliases": (aliased, 30),
    "root fields in a mutation": (changing, 10),
    "directives": (directed, 50),
}
SETTINGS = {
    "depth": "max_depth",
    "aliases": "max_aliases",
    "root fields in a mutation": "max_mutations",
    "directives": "max_directives",
}


def faults(text: str, bounds: Bounds | None = None, *, is_open: bool = True) -> list[str]:
    library = Library(bounds or Bounds(), is_open=is_open)
    _, found = library.checked(SCHEMA, text, library.document(text))
    return [fault.message for fault in found]


@pytest.mark.parametrize("name", SIZES)
async def test_at_a_limit_an_operation_is_run_and_beyond_it_refused(
    graph: Graph, name: str
) -> None:
    make, most = SIZES[name]

    at_the_limit = (await graph.send(make(most))).json()
    [refusal] = await graph.errors(make(most + 1))

    assert "errors" not in at_the_limit
    assert refusal["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert refusal["message"] == (
        f"limit of {name}: this operation has {most + 1}, at most {most} are allowed"
    )


@pytest.mark.parametrize("name", SIZES)
def test_each_limit_is_a_setting(name: str) -> None:
    make, _ = SIZES[name]
    bounds = Bounds(**{SETTINGS[name]: 3})

    assert faults(make(3), bounds) == []
    assert faults(make(4), bounds) == [
        f"limit of {name}: this operation has 4, at most 3 are allowed"
    ]


def test_fields_of_one_name_are_compared_a_hundred_times_a_hundred_times() -> None:
    assert faults(repeated(100)) == []

    [fault] = faults(repeated(101))

    assert fault.startswith(COMPARED)
    assert fault.endswith("this document has 10201, at most 10000 are allowed")


@pytest.mark.parametrize(
    "text",
    [
        "{ __typename } fragment unspread on Query {" + "viewer { scopes }" * 101 + "}",
        " ".join(f"query q{n} {{" + "__typename " * 80 + "}" for n in range(2)),
        "{...f ...f} fragment f on Query {" + "__typename " * 51 + "}",
        "{viewer {" + "scopes " * 11 + "}" + "viewer { scopes }" * 9 + "}",
        "{" + "".join(f"...f{n} " for n in range(101)) + "}"
        + "".join(f"fragment f{n} on Query {{ a{n} }}" for n in range(101)),
    ],
    ids=["a fragment that is not spread", "two operations", "spread twice", "nested", "fragments"],
)  # fmt: skip
def test_all_that_is_compared_counts(text: str) -> None:
    [fault] = faults(text)

    assert fault.startswith(COMPARED)


def test_tokens_are_counted_before_anything_else() -> None:
    library = Library(Bounds(max_tokens=5), is_open=True)

    library.document("{ a b c }")
    with pytest.raises(GraphQLSyntaxError, match="more than 5 tokens"):
        library.document("{ a b c d }")


def test_a_text_that_is_too_long_is_not_even_read() -> None:
    library = Library(Bounds(max_document=20), is_open=True)

    library.document("{ a }".ljust(20))
    with pytest.raises(GraphQLSyntaxError, match=r"has 21 characters, at most 20 are allowed"):
        library.document("{ a }".ljust(21))


async def test_too_many_tokens_are_a_fault_of_parsing(graph: Graph) -> None:
    [few], [many] = [await graph.errors("{" + "a " * count + "}") for count in (1998, 1999)]

    assert few["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert many["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"
    assert "more than 2000 tokens" in many["message"]


async def test_a_page_has_a_hundred_entries_at_most(graph: Graph) -> None:
    page = "{ experiments(first: %d) { totalCount } }"

    assert await graph(page % 100) == {"experiments": {"totalCount": 0}}
    [refusal] = await graph.errors(page % 101)

    assert refusal["message"] == "first is 101: it may be 0 to 100"
    assert refusal["extensions"]["code"] == "BAD_USER_INPUT"


async def test_the_size_of_a_page_is_a_setting(app: Starlette, database_url: str) -> None:
    page = "{ experiments(last: %d) { totalCount } }"
    async with bounded(database_url, max_page=5) as graph:
        shown = await graph(page % 5)
        [refusal] = await graph.errors(page % 6)

    assert shown == {"experiments": {"totalCount": 0}}
    assert refusal["message"] == "last is 6: it may be 0 to 5"


async def test_of_many_errors_the_first_few_are_told(app: Starlette, database_url: str) -> None:
    wrong = "{" + " ".join(f"wrong{n}" for n in range(9)) + "}"
    async with bounded(database_url, max_errors=3) as graph:
        errors = await graph.errors(wrong)

    assert len(errors) == 3


@pytest.mark.parametrize("text", ["a" * 100, "{" * 400, "{" + "...{" * 400, "{a(b:" + "[" * 900])
async def test_what_is_no_document_is_a_fault_of_parsing(graph: Graph, text: str) -> None:
    [refusal] = await graph.errors(text)

    assert refusal["extensions"]["code"] == "GRAPHQL_PARSE_FAILED"


def test_inline_fragments_do_not_hide_depth_nor_nest_for_ever() -> None:
    deep = nested(13).replace("{id}", "{...{...on Node{id}}}")
    endless = "{" + "...{" * 101 + "__typename" + "}" * 102

    assert faults(deep) == ["limit of depth: this operation has 13, at most 12 are allowed"]
    assert faults(endless) == ["selections are nested too deeply"]


@pytest.mark.parametrize("turned", [False, True], ids=["from the first", "from the last"])
def test_a_chain_of_fragments_nests_no_deeper_than_selections_do(turned: bool) -> None:
    count = 150
    order = range(count - 1, -1, -1) if turned else range(1)
    spread = " ".join(f"...f{n}" for n in order)
    chain = "".join(f"fragment f{n} on Query {{ ...f{n + 1} }}" for n in range(count))
    text = f"{{ {spread} }} {chain} fragment f{count} on Query {{ __typename }}"

    assert faults(text, Bounds(max_tokens=9000)) == ["selections are nested too deeply"]


@pytest.mark.parametrize("count", [1, 2, 60])
def test_fragments_in_a_circle_are_refused_by_name(count: int) -> None:
    circle = "".join(f"fragment f{n} on Query {{ ...f{(n + 1) % count} }}" for n in range(count))

    found = faults(f"{{ ...f0 }} {circle}")

    assert found[0].startswith("Cannot spread fragment 'f0' within itself")


def test_ten_thousand_times_the_same_fragment_count_ten_thousand_times() -> None:
    def tenfold(n: int) -> str:
        return f"fragment f{n} on Viewer {{ {f'...f{n + 1} ' * 10} }}"

    steps = "".join(map(tenfold, range(4)))
    text = f"{{ viewer {{ ...f0 }} }} {steps} fragment f4 on Viewer {{ a: scopes @skip(if: true) }}"

    assert faults(text) == [
        "limit of aliases: this operation has 10000, at most 30 are allowed"
    ]  # fmt: skip


GRAPHIQLS: dict[str, Any] = {
    "descriptions": True,
    "specified_by_url": True,
    "directive_is_repeatable": True,
    "schema_description": True,
    "input_value_deprecation": True,
    "one_of": True,
}


@pytest.mark.parametrize("asked", [{}, GRAPHIQLS], ids=["standard", "of GraphiQL"])
async def test_introspection_is_within_the_limits(graph: Graph, asked: dict[str, Any]) -> None:
    shown = await graph(get_introspection_query(**asked))

    assert shown["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize(
    "text",
    [
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        '{ __type(name: "A") { fields { type { fields { type { fields { name } } } } } } }',
    ],
)
def test_introspection_in_circles_is_refused(text: str) -> None:
    assert faults(text)[0] == "Maximum introspection depth exceeded"


@pytest.mark.parametrize("text", [get_introspection_query(), '{ __type(name: "A") { name } }'])
def test_a_closed_server_tells_nothing_of_its_schema(text: str) -> None:
    assert "introspection has been disabled" in faults(text, is_open=False)[0]


REFUSED = {
    "depth": nested(100),
    "aliases": aliased(400),
    "directives": directed(300),
    "duplicates": "{" + "viewer { scopes } " * 480 + "}",
    "duplicates that nobody spreads": "{ __typename } fragment f on Query {"
    + "viewer { scopes } " * 480 + "}",
    "doubling": "{...f0}" + "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}"
    for n in range(99)) + "fragment f99 on Query{__typename}",
    "circle": "{...f0}" + "".join(f"fragment f{n} on Query{{...f{(n + 1) % 200}}}"
    for n in range(200)),
    "tokens": "{" + "a " * 60_000 + "}",
    "characters": "{" + "a " * 500_000 + "}",
    "brackets": "{" * 60_000,
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_is_cheap_and_reads_nothing(
    graph: Graph, database: Database, app: Starlette, name: str
) -> None:
    await graph("{ viewer { scopes } }")
    times, errors = [], []
    async with counted(app.state.database) as statements:
        for _ in range(3):  # the garbage of other tests may be collected in one of them
            began = time.process_time()
            errors = await graph.errors(REFUSED[name])
            times.append(time.process_time() - began)

    codes = {error["extensions"]["code"] for error in errors}
    assert codes <= {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}
    assert statements == []
    assert min(times) < GENEROUS
