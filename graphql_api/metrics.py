"""What a process has counted, in the words of Prometheus, for those who may hear of it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Protocol

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from graphql_api.connections import Connections, Transport
from graphql_api.faults import FaultCode
from graphql_api.measures import Distribution, Measures
from graphql_api.places import Places
from graphql_api.responses import refused

Page = Callable[[Request], Awaitable[Response]]

_OF_PROXIES = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Pool(Protocol):
    @property
    def size(self) -> int: ...
    @property
    def checked_out(self) -> int: ...
    @property
    def waiting(self) -> int: ...


class Audience(Protocol):
    @property
    def pushed(self) -> int: ...
    def __len__(self) -> int: ...


class Counted(Protocol):
    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers are that are read when they are asked for."""

    pool: Callable[[], Pool]
    queues: Callable[[], Mapping[str, int]]
    connections: Connections
    http_places: Places
    channels: Counted
    audience: Audience


class Metrics(Collector):
    def __init__(self, measures: Measures, sources: Sources) -> None:
        self._measures = measures
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        yield from self._operations()
        yield from self._stores()
        yield from self._streams()

    def _operations(self) -> Iterator[Metric]:
        counted = CounterMetricFamily(
            "abgraph_operations",
            "Operations that have ended, by name, kind and outcome: ok, or the code of a fault.",
            labels=("operation", "kind", "outcome"),
        )
        for labels, count in self._measures.operations.items():
            counted.add_metric(labels, count)
        yield counted
        answers = CounterMetricFamily(
            "abgraph_http_responses", "HTTP responses by status.", labels=("status",)
        )
        for status, count in self._measures.answers.items():
            answers.add_metric((str(status),), count)
        yield answers
        yield _histogram(
            "abgraph_operation_duration_seconds",
            "Queries and mutations, from their validation to their answer.",
            "operation",
            self._measures.durations,
        )
        yield _histogram("abgraph_operation_cost", "What was paid.", "kind", self._measures.costs)
        yield _histogram(
            "abgraph_loader_batch_size", "Keys asked for at once.", "loader", self._measures.batches
        )

    def _stores(self) -> Iterator[Metric]:
        pool = self._sources.pool()
        yield GaugeMetricFamily("abgraph_pool_size", "Connections there may be.", pool.size)
        yield GaugeMetricFamily("abgraph_pool_checked_out", "Connections in use.", pool.checked_out)
        yield GaugeMetricFamily(
            "abgraph_pool_waiting", "Tasks that wait for a connection.", pool.waiting
        )
        statements = HistogramMetricFamily(
            "abgraph_statement_duration_seconds", "SQL statements; COMMIT is none."
        )
        _add(statements, (), self._measures.statements)
        yield statements
        queues = GaugeMetricFamily(
            "abgraph_ingest_queue", "Items that wait to be written, by group.", labels=("group",)
        )
        for group, waiting in self._sources.queues().items():
            queues.add_metric((group,), waiting)
        yield queues
        sizes, times = self._measures.flushes, self._measures.flush_times
        yield _histogram("abgraph_ingest_flush_size", "Items written together.", "group", sizes)
        yield _histogram(
            "abgraph_ingest_flush_duration_seconds", "Until it is committed.", "group", times
        )

    def _streams(self) -> Iterator[Metric]:
        sources = self._sources
        connections = GaugeMetricFamily(
            "abgraph_stream_connections", "Connections that stay open.", labels=("transport",)
        )
        for transport in Transport:
            connections.add_metric((transport.value,), sources.connections.transports[transport])
        yield connections
        yield GaugeMetricFamily(
            "abgraph_http_connections",
            "Connections of plain HTTP, event streams among them.",
            len(sources.http_places),
        )
        audience = sources.audience
        yield GaugeMetricFamily("abgraph_subscribers", "Open subscriptions.", len(audience))
        yield GaugeMetricFamily(
            "abgraph_channels", "Subscriptions that differ.", len(sources.channels)
        )
        yield CounterMetricFamily(
            "abgraph_values_pushed", "Values given to subscribers.", audience.pushed
        )


def metrics_page(whom: str, measures: Measures, sources: Sources) -> Page | None:
    """`whom` it is for: local, open or off."""
    if whom == "off":
        return None
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(Metrics(measures, sources))

    async def answer(request: Request) -> Response:
        if whom != "open" and not _is_local(request):
            message = "metrics are for this machine: see ABGRAPH_METRICS"
            return refused(HTTPStatus.FORBIDDEN, FaultCode.FORBIDDEN, message)
        headers = {"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        return Response(generate_latest(registry), headers=headers)

    return answer


def _is_local(request: Request) -> bool:
    """What a proxy passes on comes from this machine only seemingly."""
    if request.client is None or any(name in request.headers for name in _OF_PROXIES):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _histogram(
    name: str, help: str, label: str, found: Mapping[str, Distribution]
) -> HistogramMetricFamily:
    family = HistogramMetricFamily(name, help, labels=(label,))
    for value, distribution in found.items():
        _add(family, (value,), distribution)
    return family


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], found: Distribution) -> None:
    so_far, buckets = 0, []
    for bound, count in zip((*found.bounds, "+Inf"), found.counts, strict=True):
        so_far += count
        buckets.append((str(bound), float(so_far)))
    family.add_metric(labels, buckets, found.total)
