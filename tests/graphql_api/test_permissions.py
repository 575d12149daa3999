"""What a document needs is known from its text: `Permissions` alone, and asked over HTTP."""

import pytest
from graphql import DocumentNode, build_schema, get_operation_ast, parse

from domain.access import Actor, ActorKind, Caller, Forbidden, Scope, Unauthenticated
from domain.ids import NIL, ProjectId
from domain.projects import Project
from graphql_api.permissions import (
    ADMINS,
    ANYBODY,
    READERS,
    TRACKERS,
    WRITERS,
    Permissions,
    Requirement,
)
from graphql_api.schema import schema
from graphql_api.types.view import global_id
from persistence.engine import Database
from tests.graphql_api.conftest import EMAIL, PASSWORD, TRACKER_KEY, Graph
from tests.graphql_api.neighbours import key_of, put_key

PERMISSIONS = Permissions(build_schema(schema.as_str()))
LISTS = "experiments { totalCount }"
ACTIVE = "activeExperiments { name }"
LOG_IN = (
    "mutation ($email: String!, $password: String!) "
    "{ sessionCreate(input: { email: $email, password: $password }) { user { %s } } }"
)


def needs(text: str, name: str | None = None) -> dict[Requirement, str]:
    document: DocumentNode = parse(text)
    operation = get_operation_ast(document, name)
    assert operation is not None
    return dict(PERMISSIONS.needed(document, operation))


def check(text: str, *scopes: Scope, nobody: bool = False) -> None:
    document = parse(text)
    operation = get_operation_ast(document)
    assert operation is not None
    actor = Actor(kind=ActorKind.API_KEY, id=NIL, name="key")
    caller = Caller(project=ProjectId(NIL), actor=actor, scopes=frozenset(scopes))
    PERMISSIONS.check(document, operation, None if nobody else caller)


def may(text: str, *scopes: Scope) -> bool:
    try:
        check(text, *scopes)
    except Forbidden:
        return False
    return True


def test_a_field_takes_read_and_a_mutation_write_unless_a_rule_says_otherwise() -> None:
    start = 'mutation { experimentStart(input: { experiment: { name: "a" } }) { errors { code } } }'

    assert needs("{ experimentCounts { count } }") == {READERS: "Query.experimentCounts"}
    assert needs(start) == {
        WRITERS: "Mutation.experimentStart",
        ANYBODY: "ExperimentPayload.errors",
    }
    assert needs(f"{{ {ACTIVE} }}") == {TRACKERS: "Query.activeExperiments"}


def test_each_requirement_is_named_by_the_shallowest_field_that_has_it() -> None:
    text = "{ activeExperiments { history { nodes { action } } metrics { totalCount } } }"

    assert needs(text) == {TRACKERS: "Query.activeExperiments", READERS: "Experiment.history"}


def test_a_refusal_names_the_field_and_the_scope() -> None:
    with pytest.raises(Forbidden, match=r"^Query\.experiments needs the scope READ$"):
        check(f"{{ {ACTIVE} {LISTS} }}", Scope.TRACK)
    with pytest.raises(Forbidden, match=r"^Query\.activeExperiments needs .* READ or TRACK$"):
        check(f"{{ {ACTIVE} }}")


def test_a_larger_scope_does_what_the_smaller_ones_may() -> None:
    larger = (Scope.READ, Scope.WRITE, Scope.ADMIN)

    assert all(may(f"{{ {ACTIVE} {LISTS} }}", scope) for scope in larger)
    assert may("mutation { apiKeyRevoke(input: { id: 1 }) { errors { code } } }", Scope.ADMIN)


def test_nobody_logs_in_and_nothing_else() -> None:
    check(LOG_IN % "email", nobody=True)

    with pytest.raises(Unauthenticated):
        check(LOG_IN % "memberships { role }", nobody=True)
    with pytest.raises(Unauthenticated):
        check("{ viewer { scopes } }", nobody=True)


def test_what_hangs_on_an_answer_is_not_given_away_with_it() -> None:
    text = "mutation { sessionCreate(input: {}) { query { experimentCounts { count } } } }"
    own = "query { viewer { project { apiKeys { name } } } }"
    keys = f"mutation {{ userUpdate(input: {{}}) {{ {own} }} }}"

    assert needs(text)[READERS] == "Query.experimentCounts"
    with pytest.raises(Forbidden, match=r"^Project\.apiKeys needs the scope ADMIN$"):
        check(keys, Scope.WRITE)


def test_a_fragment_spread_twice_counts_wherever_it_is_spread() -> None:
    text = f"{{ {ACTIVE} ...lists ...lists }} fragment lists on Query {{ {LISTS} }}"

    assert needs(text)[READERS] == "Query.experiments"
    with pytest.raises(Forbidden):
        check(text, Scope.TRACK)


def test_a_fragment_within_a_fragment_counts() -> None:
    text = (
        "{ activeExperiments { ...outer } } "
        "fragment outer on Experiment { name ...inner } "
        "fragment inner on Experiment { project { apiKeys { name } } }"
    )

    assert needs(text)[ADMINS] == "Project.apiKeys"


def test_fragments_in_a_circle_end() -> None:
    text = (
        "{ ...one } fragment one on Query { ...two } "
        f"fragment two on Query {{ {LISTS} ...one ...two }}"
    )

    assert needs(text) == {READERS: "Query.experiments"}


def test_a_fragment_that_is_not_there_needs_nothing() -> None:
    assert needs("{ ...gone __typename }") == {ANYBODY: "Query.__typename"}


def test_inline_fragments_count_with_and_without_a_type() -> None:
    text = "{ activeExperiments { ... { metadata } ... on Experiment { ... on Node { id } } } }"

    assert needs(text) == {TRACKERS: "Query.activeExperiments", READERS: "Experiment.metadata"}


def test_a_type_behind_an_interface_has_its_own_rules() -> None:
    text = "{ node(id: 1) { ... on Project { history { totalCount } } } }"

    assert needs(text) == {READERS: "Query.node", ADMINS: "Project.history"}
    with pytest.raises(Forbidden, match=r"^Project\.history needs the scope ADMIN$"):
        check(text, Scope.WRITE)


def test_an_alias_hides_nothing() -> None:
    text = (
        "{ activeExperiments { name: metadata } activeExperiments: experiments { nodes { id } } }"
    )

    assert needs(text) == {TRACKERS: "Query.activeExperiments", READERS: "Query.experiments"}


def test_names_of_types_and_introspection_are_anybodys() -> None:
    check("{ __typename __schema { types { name } } __type(name: 1) { name } }", nobody=True)

    with pytest.raises(Unauthenticated):
        check(f"{{ __typename {LISTS} }}", nobody=True)


def test_only_the_operation_that_is_executed_counts() -> None:
    text = f"query few {{ {ACTIVE} }} query many {{ {LISTS} }}"

    assert needs(text, "few") == {TRACKERS: "Query.activeExperiments"}
    assert needs(text, "many") == {READERS: "Query.experiments"}


@pytest.mark.parametrize("directive", ["@skip(if: true)", "@include(if: false)"])
def test_what_is_written_counts_even_where_it_is_left_out(directive: str) -> None:
    with pytest.raises(Forbidden):
        check(f"{{ experiments {directive} {{ nodes {{ id }} }} {ACTIVE} }}", Scope.TRACK)
    with pytest.raises(Forbidden):
        check(f"{{ ... {directive} {{ {LISTS} }} {ACTIVE} }}", Scope.TRACK)


def test_fragments_that_double_at_each_step_are_read_once() -> None:
    steps = "".join(f"fragment f{n} on Query{{...f{n + 1} ...f{n + 1}}}" for n in range(60))
    text = f"{{ ...f0 }} {steps} fragment f60 on Query {{ {LISTS} }}"

    assert needs(text) == {READERS: "Query.experiments"}  # 2 ** 60 times, would be never


def test_a_chain_of_fragments_is_never_too_long() -> None:
    steps = "".join(f"fragment f{n} on Query{{...f{n + 1}}}" for n in range(5_000))
    text = f"{{ ...f0 }} {steps} fragment f5000 on Query {{ {LISTS} }}"

    assert needs(text) == {READERS: "Query.experiments"}


async def test_nothing_is_read_of_an_operation_that_is_refused_in_part(graph: Graph) -> None:
    response = await graph.showing(TRACKER_KEY).send(f"{{ {ACTIVE} {LISTS} }}")

    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (403, "FORBIDDEN")
    assert error["message"] == "Query.experiments needs the scope READ"
    assert response.json().get("data") is None


async def test_the_operation_that_is_named_is_the_one_that_is_checked(graph: Graph) -> None:
    text = f"query few {{ {ACTIVE} }} query many {{ {LISTS} }}"
    tracker = graph.showing(TRACKER_KEY).http
    bodies = [{"query": text, "operationName": name} for name in ("few", "many")]

    few, many = [(await tracker.post("/graphql", json=body)).json() for body in bodies]

    assert few == {"data": {"activeExperiments": []}}
    assert many["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_without_the_name_of_one_of_several_operations_none_is_executed(graph: Graph) -> None:
    text = f"query few {{ {ACTIVE} }} query many {{ {LISTS} }}"

    body = (await graph.showing(TRACKER_KEY).send(text)).json()

    assert body.keys() == {"errors"}
    assert [error["message"] for error in body["errors"]] == [
        "name one of the operations by operationName"
    ]


async def test_whoever_logs_in_sees_who_they_are(graph: Graph) -> None:
    nobody = graph.showing(None)

    shown = await nobody(LOG_IN % "email name", email=EMAIL, password=PASSWORD)
    [error] = await nobody.errors(LOG_IN % "memberships { role }", email=EMAIL, password=PASSWORD)

    assert shown == {"sessionCreate": {"user": {"email": EMAIL, "name": "ada"}}}
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_nobody_may_ask_what_there_is_to_ask(graph: Graph) -> None:
    shown = await graph.showing(None)("{ __schema { queryType { name } } __typename }")

    assert shown == {"__schema": {"queryType": {"name": "Query"}}, "__typename": "Query"}


async def test_a_key_that_is_no_admins_reads_itself_and_no_other(
    graph: Graph, project: Project, database: Database
) -> None:
    other = await put_key(database, project.id)
    reader = graph.showing(await key_of(database, project.id, Scope.READ))
    query = "query ($id: ID!) { node(id: $id) { id } viewer { apiKey { name } } }"

    shown = await reader(query, id=global_id("ApiKey", other.id))

    assert shown == {"node": None, "viewer": {"apiKey": {"name": "of a test"}}}
