"""Spans of OpenTelemetry: of operations, batches of loaders and statements. Imported only where
they are wanted; they hold no values of users."""

import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from importlib.metadata import entry_points

from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    ProxyTracerProvider,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    get_tracer_provider,
)
from opentelemetry.util.types import AnyValue
from strawberry.schema import BaseSchema
from strawberry.types.graphql import OperationType

from domain.errors import StartFault
from graphql_api.batches import Batches, Fetch, Key, Value
from graphql_api.context import Context
from graphql_api.documents import Asked
from graphql_api.edge import Edge
from graphql_api.library import Named
from graphql_api.measures import Measures
from graphql_api.observing import OK, ObservedOperations, outcome_of
from graphql_api.operations import Answer, Operations
from graphql_api.persisted import Persisted

_EXPORTERS = "opentelemetry_traces_exporter"
_LONGEST_NAME = 200


class Spans:
    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def note_statement(self, text: str, seconds: float) -> None:
        """Its text, with $1, $2 … for what is bound to it."""
        end = time.time_ns()
        span = self._tracer.start_span(
            text.split(maxsplit=1)[0],
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "postgresql", "db.query.text": text},
            start_time=end - int(seconds * 1e9),
        )
        span.end(end)

    def batches(self, on_batch: Callable[[str, int], None]) -> Batches:
        return _TracedBatches(on_batch, self._tracer)

    def operations(
        self,
        measures: Measures,
        schema: BaseSchema,
        edge: Edge,
        persisted: Persisted,
        *,
        is_open: bool,
    ) -> Operations:
        operations = _TracedOperations(measures, schema, edge, persisted, is_open=is_open)
        operations.tracer = self._tracer
        return operations


class _TracedBatches(Batches):
    def __init__(self, on_batch: Callable[[str, int], None], tracer: Tracer) -> None:
        super().__init__(on_batch)
        self._tracer = tracer

    async def fetched(
        self, name: str, fetch: Fetch[Key, Value], keys: Collection[Key]
    ) -> Mapping[Key, Value]:
        size: dict[str, AnyValue] = {
            "graphql.dataloader.name": name,
            "graphql.dataloader.batch.size": len(keys),
        }
        with self._tracer.start_as_current_span(
            f"load {name}", attributes=size, record_exception=False
        ):
            return await super().fetched(name, fetch, keys)


class _TracedOperations(ObservedOperations):
    tracer: Tracer

    async def run(
        self, asked: Asked, context: Context, allowed: Collection[OperationType]
    ) -> Answer:
        with self.tracer.start_as_current_span(
            "operation", kind=SpanKind.SERVER, record_exception=False
        ) as span:
            answer = await super().run(asked, context, allowed)
            _describe(span, context.operation, outcome_of(answer.errors))
        return answer

    async def stream(self, asked: Asked, context: Context) -> AsyncGenerator[Answer]:
        """One span for all of it, which is nobody's parent: it may last for days."""
        span, outcome = self.tracer.start_span("operation", kind=SpanKind.SERVER), OK
        try:
            async with aclosing(super().stream(asked, context)) as answers:
                async for answer in answers:
                    outcome = outcome_of(answer.errors)
                    yield answer
        finally:
            _describe(span, context.operation, outcome)
            span.end()


def tracing(exporter: str) -> Spans:
    """With the provider that stands ready, or one of our own. Raises StartFault."""
    provider = get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider):
        provider = _provider(exporter)
    return Spans(provider.get_tracer("abgraph"))


def _provider(exporter: str) -> TracerProvider:
    found = list(entry_points(group=_EXPORTERS, name=exporter))
    if not found:
        raise StartFault(
            f"ABGRAPH_OTEL is on, and nothing is installed that exports spans to {exporter!r}: "
            "install opentelemetry-exporter-otlp, or set OTEL_TRACES_EXPORTER=console"
        )
    own = Resource({SERVICE_NAME: "abgraph"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=Resource.create().merge(own))
    provider.add_span_processor(BatchSpanProcessor(found[0].load()()))
    return provider


def _describe(span: Span, named: Named | None, outcome: str) -> None:
    if named is not None:
        name = (named.name or "")[:_LONGEST_NAME]
        span.update_name(f"{named.kind} {name}".rstrip())
        span.set_attribute("graphql.operation.type", named.kind)
        if name:
            span.set_attribute("graphql.operation.name", name)
    if outcome != OK:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", outcome)
