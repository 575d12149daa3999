from typing import Any

import pytest
from graphql import GraphQLField, GraphQLList, GraphQLNonNull, GraphQLObjectType, build_schema
from graphql.type import GraphQLInterfaceType

from domain.errors import DomainError, ErrorCode, InUse, VersionConflict
from graphql_api.mutations.payload import Refusals
from graphql_api.mutations.root import Mutation
from graphql_api.schema import schema
from graphql_api.types.user_error import user_error
from tests.graphql_api.conftest import Graph
from tests.graphql_api.funnels import MUTATIONS as OF_FUNNELS
from tests.graphql_api.tracking import TRACKING
from tests.graphql_api.writing import MUTATIONS, arm, change, draft, running

EXPORTED = build_schema(schema.as_str())
ROOT = EXPORTED.type_map["Mutation"]
assert isinstance(ROOT, GraphQLObjectType)


@pytest.mark.parametrize("mutation", MUTATIONS + OF_FUNNELS + TRACKING)
def test_every_payload_tells_errors(mutation: str) -> None:
    assert isinstance(ROOT, GraphQLObjectType)
    payload = ROOT.fields[mutation].type

    assert isinstance(payload, GraphQLObjectType)  # nullable: a fault of one leaves the others
    errors = payload.fields["errors"].type
    assert str(errors) == "[UserError!]!"
    assert isinstance(errors, GraphQLNonNull)
    assert isinstance(errors.of_type, GraphQLList)


def test_every_payload_lets_the_caller_read_on_but_not_a_tracker() -> None:
    assert isinstance(ROOT, GraphQLObjectType)
    shown = {name: _fields(field.type) for name, field in ROOT.fields.items()}

    assert {name for name, fields in shown.items() if "query" not in fields} == set(TRACKING)
    others = [fields["query"] for name, fields in shown.items() if name not in TRACKING]
    assert {str(field.type) for field in others} == {"Query!"}


def _fields(payload: object) -> dict[str, GraphQLField]:
    assert isinstance(payload, GraphQLObjectType)
    return dict(payload.fields)


OF_PEOPLE_AND_KEYS = (  # have files of their own
    "apiKeyCreate",
    "apiKeyRevoke",
    "memberAdd",
    "memberRemove",
    "memberUpdate",
    "passwordChange",
    "sessionCreate",
    "sessionRevoke",
    "userUpdate",
)


def test_every_mutation_is_tested_and_answers_refusals() -> None:
    definition: Any = getattr(Mutation, "__strawberry_definition__")  # noqa: B009  # mypy has none
    assert isinstance(ROOT, GraphQLObjectType)
    assert sorted(ROOT.fields) == sorted(MUTATIONS + OF_FUNNELS + TRACKING + OF_PEOPLE_AND_KEYS)
    for field in definition.fields:
        [refusals] = [one for one in field.extensions if isinstance(one, Refusals)]
        payload = ROOT.fields[field.graphql_name or _camel(field.python_name)].type
        assert str(payload) == refusals.payload.__name__


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def test_every_refusal_has_a_type_of_the_interface() -> None:
    interface = EXPORTED.type_map["UserError"]
    assert isinstance(interface, GraphQLInterfaceType)

    shown = {kind.name for kind in EXPORTED.get_implementations(interface).objects}

    assert shown == {
        "InvalidInput",
        "NotFound",
        "NameTaken",
        "IllegalTransition",
        "VersionConflict",
        "PlanLimitReached",
        "Refused",
    }


def test_a_refusal_without_a_type_of_its_own_is_refused_by_code() -> None:
    class Exhausted(DomainError):
        code = ErrorCode.PLAN_LIMIT

    told = user_error(Exhausted("no more", ("variants", 3, "traffic_weight")))

    assert type(told).__name__ == "Refused"
    assert (told.message, told.code) == ("no more", ErrorCode.PLAN_LIMIT)
    assert told.path == ["input", "variants", "3", "trafficWeight"]


@pytest.mark.parametrize("refusal", [InUse("x"), VersionConflict(1, 2)], ids=["bare", "placed"])
def test_a_path_begins_at_the_argument(refusal: DomainError) -> None:
    told = user_error(refusal).path

    assert told is not None
    assert told[0] == "input"


async def test_errors_come_in_the_order_of_the_input_with_their_places(graph: Graph) -> None:
    payload = await change(
        graph,
        "experimentCreate",
        name=" ",
        minimumSampleSize=0,
        metrics=[{"name": "orders", "eventType": "", "aggregation": "SUM", "role": "PRIMARY"}],
        variants=[{"name": "a"}, {"name": "\0", "trafficWeight": -1}],
    )

    assert payload == {
        "experiment": None,
        "errors": [
            {"__typename": "InvalidInput", "message": message, "path": path, "code": "INVALID"}
            for path, message in (
                (["input", "name"], "must not be empty"),
                (["input", "minimumSampleSize"], "is 0: it must be from 1 to 1000000000"),
                (["input", "metrics", "0", "eventType"], "must not be empty"),
                (["input", "variants", "1", "name"], "must not hold the character NUL"),
                (["input", "variants", "1", "trafficWeight"], "is -1: it must be from 0 to 1"),
            )
        ],
    }


async def test_what_is_read_through_the_payload_is_fresh(graph: Graph) -> None:
    answer = await graph(
        """mutation {
          experimentCreate(input: {name: "checkout", variants: [{name: "a"}]}) {
            experiment { variants { name experiment { name version } } }
            query {
              experiment(by: {name: "checkout"}) { version status variants { name } }
              experiments { totalCount nodes { name } }
              experimentCounts { status count }
            }
          }
        }"""
    )

    assert answer["experimentCreate"] == {
        "experiment": {
            "variants": [{"name": "a", "experiment": {"name": "checkout", "version": 1}}]
        },
        "query": {
            "experiment": {"version": 1, "status": "DRAFT", "variants": [{"name": "a"}]},
            "experiments": {"totalCount": 1, "nodes": [{"name": "checkout"}]},
            "experimentCounts": [{"status": "DRAFT", "count": 1}],
        },
    }


SEVERAL = """
mutation($b: ID!) {
  first: experimentStart(input: {experiment: {name: "checkout"}, expectedVersion: 1}) {
    experiment { ...Seen } query { ...Read }
  }
  second: variantUpdate(input: {id: $b, trafficWeight: 0.25}) {
    variants { trafficWeight experiment { version } } experiment { ...Seen }
    query { ...Read }
  }
  third: experimentPause(input: {experiment: {name: "checkout"}, expectedVersion: 3}) {
    experiment { ...Seen } query { ...Read }
  }
  fourth: experimentPause(input: {experiment: {name: "checkout"}}) {
    experiment { ...Seen } errors { code } query { ...Read }
  }
  fifth: experimentDelete(input: {experiment: {name: "checkout"}}) {
    errors { code } query { ...Read }
  }
}
fragment Seen on Experiment {
  version status phases { number } variants { name trafficWeight }
}
fragment Read on Query { experiment(by: {name: "checkout"}) { ...Seen } }
"""


async def test_each_of_several_mutations_sees_what_the_former_did(graph: Graph) -> None:
    made = await draft(graph)

    answer = await graph(SEVERAL, b=arm(made, "b")["id"])

    before, after = _seen(2, "ACTIVE", 1, 0.5, 0.5), _seen(3, "ACTIVE", 2, 0.75, 0.25)
    paused = _seen(4, "PAUSED", 2, 0.75, 0.25)
    assert answer["first"] == {"experiment": before, "query": {"experiment": before}}
    assert answer["second"] == {
        "variants": [{"trafficWeight": 0.25, "experiment": {"version": 3}}],
        "experiment": after,
        "query": {"experiment": after},
    }
    assert answer["third"] == {"experiment": paused, "query": {"experiment": paused}}
    assert answer["fourth"] == {
        "experiment": None,
        "errors": [{"code": "ILLEGAL_TRANSITION"}],
        "query": {"experiment": paused},
    }
    assert answer["fifth"] == {"errors": [], "query": {"experiment": None}}


def _seen(version: int, status: str, phases: int, a: float, b: float) -> dict[str, Any]:
    return {
        "version": version,
        "status": status,
        "phases": [{"number": number + 1} for number in range(phases)],
        "variants": [{"name": "a", "trafficWeight": a}, {"name": "b", "trafficWeight": b}],
    }


async def test_a_refusal_leaves_the_other_mutations_of_a_document_alone(graph: Graph) -> None:
    await running(graph)

    answer = await graph(
        """mutation {
          refused: experimentStart(input: {experiment: {name: "checkout"}}) { errors { code } }
          made: experimentCreate(input: {name: "another"}) { experiment { name } errors { code } }
        }"""
    )

    assert answer == {
        "refused": {"errors": [{"code": "ILLEGAL_TRANSITION"}]},
        "made": {"experiment": {"name": "another"}, "errors": []},
    }


async def test_a_payload_names_only_the_variants_that_were_meant(graph: Graph) -> None:
    made = await running(graph, {"a": 0.5, "b": 0.25, "c": 0.25})
    target = arm(made, "c")["id"]

    told = [
        (await change(graph, "variantUpdate", id=target, trafficWeight=0.5))["variants"],
        (await change(graph, "variantDeactivate", id=target))["variants"],
        (await change(graph, "variantReactivate", id=target))["variants"],
        (await change(graph, "variantUpdate", id="nobody"))["variants"],
    ]

    assert [[one["id"] for one in variants] for variants in told] == [[target]] * 3 + [[]]
