"""What is counted and traced of one application."""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

from strawberry.schema import BaseSchema

from domain.errors import StartFault
from graphql_api import footprint
from graphql_api.batches import Batches
from graphql_api.edge import Edge
from graphql_api.measures import Measures
from graphql_api.observing import ObservedOperations
from graphql_api.operations import Operations
from graphql_api.persisted import Persisted
from graphql_api.settings import Settings, traces_exporter


class Tracing(Protocol):
    def note_statement(self, text: str, seconds: float) -> None: ...

    def batches(self, on_batch: Callable[[str, int], None]) -> Batches: ...

    def operations(
        self,
        measures: Measures,
        schema: BaseSchema,
        edge: Edge,
        persisted: Persisted,
        *,
        is_open: bool,
    ) -> Operations: ...


class Observation:
    def __init__(self, tracing: Tracing | None = None) -> None:
        """Without `tracing` nothing of it is in the way."""
        self.measures = Measures()
        listeners = self.measures.note_statement, footprint.note_statement
        self.statement_listeners = (
            listeners if tracing is None else (*listeners, tracing.note_statement)
        )
        make_batches = Batches if tracing is None else tracing.batches
        self.batches = make_batches(self.measures.note_batch)
        self.make_operations = ObservedOperations if tracing is None else tracing.operations

    def operations(
        self, schema: BaseSchema, edge: Edge, persisted: Persisted, *, is_open: bool
    ) -> Operations:
        return self.make_operations(self.measures, schema, edge, persisted, is_open=is_open)


def observation(settings: Settings) -> Observation:
    """Raises StartFault where spans are wanted and cannot be had."""
    if not settings.otel:
        return Observation()
    try:
        spans = import_module("graphql_api.spans")
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("opentelemetry"):
            raise
        raise StartFault(
            "ABGRAPH_OTEL is on, and opentelemetry-sdk is not installed: "
            "install abgraph with its group otel"
        ) from None
    return Observation(spans.tracing(traces_exporter()))
