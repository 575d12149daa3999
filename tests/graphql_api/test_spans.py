"""Spans of OpenTelemetry, where they are wanted."""

from collections.abc import AsyncIterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.applications import Starlette

from domain.errors import StartFault
from graphql_api.app import create_app
from graphql_api.batches import Batches
from graphql_api.observation import Observation, observation
from graphql_api.observing import ObservedOperations
from graphql_api.settings import Settings
from graphql_api.spans import Spans, tracing
from tests.graphql_api.conftest import SERVER_KEY, Graph
from tests.graphql_api.writing import draft

NESTED = "query Shop { experiments { nodes { variants { name } } } }"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def traced(
    app: Starlette, database_url: str, exporter: InMemorySpanExporter
) -> AsyncIterator[Graph]:
    """The same data, asked through an application that is traced."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = Spans(provider.get_tracer("abgraph"))
    other = create_app(Settings(), database_url, Observation(spans))
    async with other.router.lifespan_context(other):
        graph = Graph(httpx.ASGITransport(other), SERVER_KEY)
        await draft(graph, name="secret")
        exporter.clear()
        yield graph


def named(exporter: InMemorySpanExporter, name: str) -> ReadableSpan:
    [span] = [each for each in exporter.get_finished_spans() if each.name == name]
    return span


def children(exporter: InMemorySpanExporter, parent: ReadableSpan) -> list[str]:
    own = parent.get_span_context()
    assert own is not None
    found = exporter.get_finished_spans()
    return [each.name for each in found if each.parent and each.parent.span_id == own.span_id]


async def test_an_operation_is_a_span_with_its_batches_inside(
    traced: Graph, exporter: InMemorySpanExporter
) -> None:
    await traced(NESTED)

    operation = named(exporter, "query Shop")
    assert dict(operation.attributes or {}) == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Shop",
    }
    assert children(exporter, operation) == ["load root_experiments", "load variants_by_experiment"]


async def test_a_batch_tells_its_size_and_holds_its_statement(
    traced: Graph, exporter: InMemorySpanExporter
) -> None:
    await traced(NESTED)

    batch = named(exporter, "load variants_by_experiment")
    assert dict(batch.attributes or {}) == {
        "graphql.dataloader.name": "variants_by_experiment",
        "graphql.dataloader.batch.size": 1,
    }
    assert children(exporter, batch) == ["SELECT"]


async def test_a_statement_is_told_without_what_is_bound_to_it(
    traced: Graph, exporter: InMemorySpanExporter
) -> None:
    await traced('query Found { experiment(by: {name: "secret"}) { name } }')

    texts = [str(dict(each.attributes or {})) for each in exporter.get_finished_spans()]
    [statement] = [text for text in texts if "ab_experiments" in text and "db.query.text" in text]
    assert "$1" in statement
    assert not any("secret" in text for text in texts)


async def test_a_statement_lies_within_its_batch(
    traced: Graph, exporter: InMemorySpanExporter
) -> None:
    await traced("query Shop { experiments { nodes { name } } }")

    batch = named(exporter, "load root_experiments")
    own = batch.get_span_context()
    [statement] = [
        each
        for each in exporter.get_finished_spans()
        if each.parent and own and each.parent.span_id == own.span_id
    ]
    assert (statement.end_time or 0) > (statement.start_time or 0)
    assert (statement.end_time or 0) - (statement.start_time or 0) < 10 * 10**9


async def test_a_fault_is_told_by_its_code(traced: Graph, exporter: InMemorySpanExporter) -> None:
    await traced.showing(None).send(NESTED)

    operation = named(exporter, "query Shop")
    assert not operation.status.is_ok
    assert (operation.attributes or {})["error.type"] == "UNAUTHENTICATED"
    assert operation.events == ()


async def test_what_is_not_right_has_a_span_without_a_name(
    traced: Graph, exporter: InMemorySpanExporter
) -> None:
    await traced.send("query Attack { nothing }")

    operation = named(exporter, "operation")
    assert dict(operation.attributes or {}) == {"error.type": "GRAPHQL_VALIDATION_FAILED"}


def test_switched_off_nothing_of_it_is_in_the_way() -> None:
    observed = observation(Settings())

    assert type(observed.batches) is Batches
    assert observed.make_operations is ObservedOperations
    assert len(observed.statement_listeners) == 2


def test_an_exporter_that_is_not_there_is_named() -> None:
    with pytest.raises(StartFault) as fault:
        tracing("nowhere")

    assert str(fault.value) == (
        "ABGRAPH_OTEL is on, and nothing is installed that exports spans to 'nowhere': "
        "install opentelemetry-exporter-otlp, or set OTEL_TRACES_EXPORTER=console"
    )
