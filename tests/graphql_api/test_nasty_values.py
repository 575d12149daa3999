"""Hundreds of mutations made at random from the schema: whatever is sent, the server answers as it
should, and what runs keeps the rules."""

import math
from base64 import b64encode
from random import Random
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    build_schema,
    get_named_type,
)

from graphql_api.schema import schema
from tests.graphql_api.conftest import Graph
from tests.graphql_api.writing import (
    MUTATIONS,
    Shown,
    change,
    document,
    running,
    shown,
    weights,
)

ROUNDS = 400
EXPORTED = build_schema(schema.as_str())
NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    0.5,
    -0.0,
    2**31 - 1,
    2**31,
    2**63,
    2**64,
    5e-324,
    1e308,
    -1e308,
    "",
    " ",
    "\0",
    "a",
    "checkout",
    "x" * 10_000,
    "\u202e🎯\ufffe" * 60,
    "'; DROP TABLE ab_variants; --",
    "%s {} $1 :id \\",
    b64encode(b"Variant:00000000-0000-7000-8000-000000000000").decode(),
    [],
    [None],
    {},
    {"a": "\0"},
    {"a": [2**63, 1e308, -0.0]},
    {"x" * 40_000: "x" * 40_000},
    [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]],
]
SENSIBLE: dict[str, list[Any]] = {
    "String": ["a", "b", "c", "checkout", "another", "conversion"],
    "Int": [0, 1, 2, 5],
    "Float": [0.0, 0.25, 0.5, 1.0],
    "Boolean": [True, False],
    "JSON": [{}, [], {"a": 1}],
}


class Writer:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  # the same mutations every time
        self.ids: list[str] = []

    def input(self, mutation: str) -> Any:
        name = document(mutation).partition("$input: ")[2].partition("!")[0]
        return self._value(EXPORTED.type_map[name])

    def _value(self, kind: Any) -> Any:
        if self.random.random() < 0.04:
            return self.random.choice(NASTY)
        if isinstance(kind, GraphQLNonNull):
            return self._value(kind.of_type)
        if isinstance(kind, GraphQLList):
            return [self._value(kind.of_type) for _ in range(self.random.randrange(4))]
        if isinstance(kind, GraphQLInputObjectType):
            return self._fields(kind)
        if isinstance(kind, GraphQLEnumType):
            return self.random.choice(list(kind.values))
        return self.random.choice(SENSIBLE.get(kind.name, self.ids))

    def _fields(self, kind: GraphQLInputObjectType) -> dict[str, Any]:
        if kind.is_one_of:
            [by] = self.random.sample(["id", "name"], 1)
            return {by: self._value(kind.fields[by].type)}
        return {
            name: self._value(field.type)
            for name, field in kind.fields.items()
            if self._is_required(field.type) or self.random.random() < 0.3
        }

    def _is_required(self, kind: GraphQLInputType) -> bool:
        return isinstance(kind, GraphQLNonNull) and get_named_type(kind).name != "Correction"


async def asked(graph: Graph, mutation: str, wanted: Any) -> str:
    """What kind of answer it was."""
    response = await graph.send(document(mutation), input=wanted)
    assert response.status_code == 200, response.text
    body = response.json()
    if "errors" in body:
        codes = {error["extensions"]["code"] for error in body["errors"]}
        assert codes == {"BAD_USER_INPUT"}, (mutation, wanted, body["errors"])
        return "not understood"
    payload = body["data"][mutation]
    for error in payload["errors"]:
        assert error["message"]
        assert error["path"][0] == "input"
    return "refused" if payload["errors"] else "done"


async def all_of(graph: Graph) -> list[Shown]:
    every = "[DRAFT, ACTIVE, PAUSED, COMPLETED, ARCHIVED]"
    answer = await graph(
        f"{{ experiments(first: 100, filter: {{status: {every}}}) {{ nodes {{ id }} }} }}"
    )
    return [await shown(graph, one["id"]) for one in answer["experiments"]["nodes"]]


def check(experiment: Shown) -> None:
    numbers = [phase["number"] for phase in experiment["phases"]]
    assert numbers == list(range(1, experiment["phase"] + 1))
    if experiment["status"] in ("ACTIVE", "PAUSED", "COMPLETED"):
        split = weights(experiment)
        assert len(split) >= 1
        assert math.fsum(split.values()) == pytest.approx(1, abs=1e-9)
        assert experiment["phases"][-1]["weights"] == split
        assert experiment["phases"][-1]["trafficAllocation"] == experiment["trafficAllocation"]
        controls = [one for one in experiment["variants"] if one["isActive"] and one["isControl"]]
        assert len(controls) == 1
    if experiment["status"] == "DRAFT":
        assert experiment["defaultTrafficSplit"] == weights(experiment)
        assert experiment["phases"] == []


def parts(experiment: Shown) -> list[Shown]:
    return [experiment, *experiment["variants"], *experiment["elements"]]


async def test_no_input_is_a_fault_of_the_server_or_breaks_a_rule(graph: Graph) -> None:
    writer, told = Writer(2026), dict.fromkeys(("done", "refused", "not understood"), 0)

    for turn in range(ROUNDS):
        if turn % 25 == 0:
            experiments = await _stocked(graph)
            writer.ids = [one["id"] for each in experiments for one in parts(each)]
        mutation = writer.random.choice(MUTATIONS)
        told[await asked(graph, mutation, writer.input(mutation))] += 1

    assert min(told.values()) > ROUNDS // 20, told


async def _stocked(graph: Graph) -> list[Shown]:
    """Checked, and never out of experiments that run."""
    experiments = await all_of(graph)
    for experiment in experiments:
        check(experiment)
    for one in experiments[5:]:
        await change(graph, "experimentDelete", experiment={"id": one["id"]})
    await change(graph, "experimentDelete", experiment={"name": "checkout"})
    await running(graph, {"a": 0.5, "b": 0.25, "c": 0.25})
    return await all_of(graph)
