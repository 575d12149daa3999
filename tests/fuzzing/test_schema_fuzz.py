"""Operations made from the schema that the server shows: whatever they ask, no fault is ours."""

import asyncio
import gc
import logging
from collections import Counter
from typing import Any

import pytest
import schemathesis
from schemathesis import Case
from schemathesis.core.result import Ok

from tests.fuzzing.answers import Answered, fault_of
from tests.fuzzing.generating import register, run
from tests.fuzzing.resting import is_well
from tests.live.conftest import SERVER_KEY, Running

# What is cancelled before its first step has resolvers that nobody has begun.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine '(GraphQLCore|Executor).* never awaited"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine object (GraphQL|Executor)"),
]

EXAMPLES, EXAMPLES_WHEN_SOAKING = 15, 400  # of each field of Query and Mutation
# Because of cursors, the id of a funnel, and the experiment of its report.
HARD_TO_GUESS = {"Query.experiments", "Query.funnel", "Query.funnels"}
AUTHORIZATION = {"Authorization": f"Bearer {SERVER_KEY}"}
IDS = """query ($name: String!) { experiment(by: { name: $name }) {
  id variants { id } assignments { nodes { id } } createdBy { id }
  project { id members { user { id } } }
} }"""


def ids_in(value: Any) -> list[str]:
    """All that there are, wherever."""
    if isinstance(value, list):
        return [found for each in value for found in ids_in(each)]
    if not isinstance(value, dict):
        return []
    own = [value["id"]] if "id" in value else []
    return own + ids_in(list(value.values()))


async def test_what_the_schema_allows_meets_no_fault_of_ours(
    server: Running, is_soak: bool, caplog: pytest.LogCaptureFixture
) -> None:
    found: list[str] = []
    fates: Counter[tuple[str, bool]] = Counter()

    def send(case: Case[Any]) -> None:
        response = case.call(headers=AUTHORIZATION)
        headers = {name: values[0] for name, values in response.headers.items()}
        answer = Answered(response.status_code, headers, response.content)
        fault = fault_of(answer, str(case.body).encode())
        if fault:
            found.append(f"{fault}: {case.body!s} {response.content!r}")
        fates[case.operation.label, "errors" in response.json()] += 1

    shown = await asyncio.to_thread(
        schemathesis.graphql.from_url, f"{server.url}/graphql", headers=AUTHORIZATION
    )
    for number, operation in enumerate(shown.get_all_operations()):
        name = await server.experiment(f"colour-{number}")
        await server.assign("ada", name)
        register([name], ids_in(await server.graph(IDS, name=name)))
        examples = EXAMPLES_WHEN_SOAKING if is_soak else EXAMPLES
        assert isinstance(operation, Ok)
        await asyncio.to_thread(run, operation.ok(), examples, send)

    gc.collect()  # what it complains of is complained of here
    assert found == []
    assert [each for each in caplog.records if each.levelno >= logging.ERROR] == []
    answered = {label for label, has_errors in fates if not has_errors}
    refused = {label for label, _ in fates} - answered
    assert refused <= HARD_TO_GUESS
    assert await is_well(server)
