"""/tracker.js as browsers get it."""

import gzip
from pathlib import Path

import pytest

from tests.graphql_api.conftest import Graph

STATIC = Path(__file__).parents[2] / "graphql_api" / "static"


@pytest.mark.parametrize("name", ["tracker.js", "tracker.d.ts"])
async def test_it_is_the_file_and_any_page_may_load_it(graph: Graph, name: str) -> None:
    page = graph.showing(None).http

    answer = await page.get(f"/{name}", headers={"Accept-Encoding": "identity"})

    assert answer.text == (STATIC / name).read_text()
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "content-encoding" not in answer.headers


async def test_it_comes_compressed_where_that_is_understood(graph: Graph) -> None:
    async with graph.http.stream("GET", "/tracker.js", headers={"Accept-Encoding": "gzip"}) as got:
        packed = b"".join([part async for part in got.aiter_raw()])

    assert got.headers["content-encoding"] == "gzip"
    assert got.headers["vary"] == "Accept-Encoding"
    assert len(packed) < 5_000
    assert gzip.decompress(packed) == (STATIC / "tracker.js").read_bytes()


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_who_has_it_already_is_told_so(graph: Graph, encoding: str) -> None:
    asked = {"Accept-Encoding": encoding}
    first = await graph.http.get("/tracker.js", headers=asked)
    asked["If-None-Match"] = first.headers["etag"]

    again = await graph.http.get("/tracker.js", headers=asked)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


async def test_each_form_has_a_tag_of_its_own(graph: Graph) -> None:
    forms = ["gzip", "identity"]

    tags = {
        (await graph.http.get("/tracker.js", headers={"Accept-Encoding": form})).headers["etag"]
        for form in forms
    }

    assert len(tags) == 2


async def test_other_ways_of_asking_are_refused(graph: Graph) -> None:
    assert (await graph.http.head("/tracker.js")).status_code == 200
    assert (await graph.http.post("/tracker.js")).status_code == 405
