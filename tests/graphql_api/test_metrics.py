"""What a process tells of itself, and whom."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette

from graphql_api.app import create_app
from graphql_api.measures import Distribution, Names
from graphql_api.settings import Settings
from persistence.engine import Database
from tests.graphql_api.conftest import Graph
from tests.graphql_api.posting import post
from tests.graphql_api.scraping import client, scraped
from tests.graphql_api.tracking import assign
from tests.graphql_api.writing import draft, running
from tests.secret import SECRET_KEY

NAMED = "query Shop { experiments(first: 1) { nodes { name } } }"


async def test_each_operation_is_counted_by_name_kind_and_outcome(
    app: Starlette, graph: Graph
) -> None:
    await graph(NAMED)
    await graph(NAMED)
    await graph("{ __typename }")
    await graph.send("query Broken { experiments(after: 5) { nodes { name } } }")

    counted = await scraped(app)
    assert counted.all("abgraph_operations_total") == [
        ({"operation": "Shop", "kind": "query", "outcome": "ok"}, 2.0),
        ({"operation": "anonymous", "kind": "query", "outcome": "ok"}, 1.0),
        (
            {"operation": "invalid", "kind": "unknown", "outcome": "GRAPHQL_VALIDATION_FAILED"},
            1.0,
        ),
    ]


async def test_what_is_refused_is_counted_by_the_code_of_its_fault(
    app: Starlette, graph: Graph
) -> None:
    await graph.showing(None).send(NAMED)
    await graph.send("{")

    counted = await scraped(app)
    refused = {
        labels["outcome"]: value for labels, value in counted.all("abgraph_operations_total")
    }
    assert refused == {"UNAUTHENTICATED": 1.0, "GRAPHQL_PARSE_FAILED": 1.0}


async def test_durations_and_costs_are_distributions(app: Starlette, graph: Graph) -> None:
    await graph(NAMED)

    counted = await scraped(app)
    assert counted.value("abgraph_operation_duration_seconds_count", operation="Shop") == 1
    assert 0 < counted.value("abgraph_operation_duration_seconds_sum", operation="Shop") < 10
    assert counted.value("abgraph_operation_cost_sum", kind="query") == 3
    assert counted.value("abgraph_operation_cost_bucket", kind="query", le="1") == 0
    assert counted.value("abgraph_operation_cost_bucket", kind="query", le="3") == 1


async def test_a_level_of_a_query_is_one_batch_of_its_loader(app: Starlette, graph: Graph) -> None:
    for name in ("colour", "size"):
        await draft(graph, name=name)
    before = await scraped(app)

    await graph("{ experiments { nodes { variants { name } } } }")

    counted, loader = await scraped(app), "variants_by_experiment"
    batches, keys = "abgraph_loader_batch_size_count", "abgraph_loader_batch_size_sum"
    assert counted.value(batches, loader=loader) - before.value(batches, loader=loader) == 1
    assert counted.value(keys, loader=loader) - before.value(keys, loader=loader) == 2


async def test_statements_are_counted(database_url: str) -> None:
    app = create_app(Settings(), database_url)
    database: Database = app.state.database

    for _ in range(3):
        await database.ping()

    counted = await scraped(app)
    assert counted.value("abgraph_statement_duration_seconds_count") == 3
    assert 0 < counted.value("abgraph_statement_duration_seconds_sum") < 10
    await database.dispose()


async def test_the_pool_is_told_with_those_who_wait_for_it(database_url: str) -> None:
    app = create_app(Settings(pool_size=1), database_url)
    database: Database = app.state.database

    async with database.begin():
        waiting = asyncio.create_task(database.ping())
        await asyncio.sleep(0)
        counted = await scraped(app)
    await waiting

    names = ("abgraph_pool_size", "abgraph_pool_checked_out", "abgraph_pool_waiting")
    assert [counted.value(name) for name in names] == [1, 1, 1]
    assert [(await scraped(app)).value(name) for name in names] == [1, 0, 0]
    await database.dispose()


async def test_what_trackers_write_is_told_by_group(app: Starlette, graph: Graph) -> None:
    await running(graph)

    await assign(graph, "ada")

    counted = await scraped(app)
    assert counted.value("abgraph_ingest_flush_size_count", group="enrolments") == 1
    assert counted.value("abgraph_ingest_flush_size_sum", group="enrolments") == 1
    assert counted.value("abgraph_ingest_flush_duration_seconds_count", group="enrolments") == 1
    assert {labels["group"]: value for labels, value in counted.all("abgraph_ingest_queue")} == {
        "questions": 0.0,
        "enrolments": 0.0,
        "conversions": 0.0,
        "events": 0.0,
    }


async def test_responses_are_counted_by_status(app: Starlette, graph: Graph) -> None:
    await post(graph, b"5")
    await graph.http.get("/nowhere")

    counted = await scraped(app)
    assert counted.value("abgraph_http_responses_total", status="400") == 1
    assert counted.value("abgraph_http_responses_total", status="404") == 1


async def test_the_process_itself_is_told(app: Starlette) -> None:
    counted = await scraped(app)

    assert counted.value("process_resident_memory_bytes") > 10**6
    assert counted.value("process_start_time_seconds") > 10**9


async def test_two_applications_of_a_process_count_apart(
    app: Starlette, graph: Graph, database_url: str
) -> None:
    other = create_app(Settings(secret_key=SECRET_KEY), database_url)

    await graph(NAMED)

    assert (await scraped(app)).value("abgraph_operations_total") == 1
    assert (await scraped(other)).value("abgraph_operations_total") == 0


async def test_names_are_told_apart_up_to_a_bound(app: Starlette, graph: Graph) -> None:
    for number in range(205):
        await graph(f"query Q{number} {{ __typename }}")

    counted = await scraped(app)
    told = {each["operation"]: value for each, value in counted.all("abgraph_operations_total")}
    assert len(told) == 201
    assert told["Q199"] == 1.0
    assert told["other"] == 5.0


async def test_who_shows_no_key_adds_no_names(app: Starlette, graph: Graph) -> None:
    await graph.showing(None)("query Junk { __typename }")

    counted = await scraped(app)
    assert counted.all("abgraph_operations_total") == [
        ({"operation": "other", "kind": "query", "outcome": "ok"}, 1.0)
    ]


def test_a_long_name_is_not_told() -> None:
    names = Names()

    assert names.label("A" * 100, is_trusted=True) == "A" * 100
    assert names.label("A" * 101, is_trusted=True) == "other"
    assert names.label(None, is_trusted=True) == "anonymous"


def test_a_name_that_is_known_is_told_whoever_uses_it() -> None:
    names = Names()

    names.label("Shop", is_trusted=True)

    assert names.label("Shop", is_trusted=False) == "Shop"


def test_a_value_counts_up_to_the_bound_that_it_reaches() -> None:
    sizes = Distribution((1, 10))

    for size in (1, 2, 10, 11):
        sizes.note(size)

    assert sizes.counts == [1, 2, 1]
    assert sizes.total == 24


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_this_machine_is_told(app: Starlette, address: str) -> None:
    answer = await client(app, address).get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", ["10.0.0.7", "::ffff:10.0.0.7", "2001:db8::1", "unknown", ""])
async def test_other_machines_are_refused(app: Starlette, address: str) -> None:
    answer = await client(app, address).get("/metrics")

    assert answer.status_code == 403
    assert [error["message"] for error in answer.json()["errors"]] == [
        "metrics are for this machine: see ABGRAPH_METRICS"
    ]


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"]
)
async def test_what_a_proxy_passes_on_is_refused(app: Starlette, header: str) -> None:
    answer = await client(app).get("/metrics", headers={header: "127.0.0.1"})

    assert answer.status_code == 403


async def test_everybody_is_told_where_metrics_are_open(database_url: str) -> None:
    app = create_app(Settings(metrics="open"), database_url)

    answer = await client(app, "10.0.0.7").get("/metrics", headers={"Via": "1.1 proxy"})

    assert answer.status_code == 200
    assert "abgraph_pool_size 10.0" in answer.text.splitlines()


async def test_there_is_no_page_where_metrics_are_off(database_url: str) -> None:
    answer: httpx.Response = await client(create_app(Settings(metrics="off"), database_url)).get(
        "/metrics"
    )

    assert answer.status_code == 404
