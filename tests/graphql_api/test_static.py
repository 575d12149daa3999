"""The page for a browser: its files are the ones that were vendored, and it runs no others."""

import re
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from graphql_api import transport
from tests.graphql_api.conftest import Graph

FOLDER = Path(transport.__file__).parent / "static" / "graphiql"
SUMS = [line.split() for line in (FOLDER / "SHA256SUMS").read_text().splitlines()]
OWN = {"index.html", "start.js", "start.css", "LICENSES.txt", "SHA256SUMS"}
HTML = {"Accept": "text/html"}


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def tags() -> list[tuple[str, dict[str, str | None]]]:
    return Tags((FOLDER / "index.html").read_text()).found


@pytest.mark.parametrize(("digest", "name"), SUMS, ids=[name for _, name in SUMS])
def test_a_vendored_file_is_what_was_vendored(digest: str, name: str) -> None:
    assert sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_every_file_that_is_not_ours_has_its_sum() -> None:
    files = {path.name for path in FOLDER.glob("[!.]*")}

    assert files - OWN == {name for _, name in SUMS}


def test_each_vendored_file_is_named_with_its_version_and_its_licence() -> None:
    licences = (FOLDER / "LICENSES.txt").read_text().lower()

    for _, name in SUMS:
        [(product, version)] = re.findall(r"^([a-z-]+)-(\d+\.\d+\.\d+)\.min\.(?:js|css)$", name)
        assert product in licences
        assert version in licences


async def test_a_browser_is_given_the_page_under_a_strict_policy(graph: Graph) -> None:
    response = await graph.http.get("/graphql", headers=HTML)

    assert response.content == (FOLDER / "index.html").read_bytes()
    parts = response.headers["Content-Security-Policy"].split("; ")
    policy = {name: values for name, *values in map(str.split, parts)}
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["connect-src"] == ["'self'"]
    assert policy["form-action"] == ["'none'"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_holds_no_script_or_style_of_its_own(
    tags: list[tuple[str, dict[str, str | None]]],
) -> None:
    assert {"style", "base", "iframe", "form"}.isdisjoint(tag for tag, _ in tags)
    for tag, attributes in tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert tag != "script" or attributes["src"]
    page = (FOLDER / "index.html").read_text()
    assert re.findall(r"<script[^>]*>\s*[^\s<]", page) == []


async def test_all_that_the_page_loads_is_served_from_here(
    graph: Graph, tags: list[tuple[str, dict[str, str | None]]]
) -> None:
    addresses = [
        address
        for _, attributes in tags
        if (address := attributes.get("src") or attributes.get("href"))
        and not address.startswith("data:")
    ]

    assert len(addresses) == 6
    for address in addresses:
        assert address.startswith("/static/graphiql/")
        response = await graph.http.get(address)
        assert response.status_code == 200
        assert response.content == (FOLDER / Path(address).name).read_bytes()
        kind = "text/css" if address.endswith(".css") else "text/javascript"
        assert response.headers["Content-Type"].startswith(kind)
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_our_own_part_of_the_page_speaks_to_nobody_else() -> None:
    for name in ("index.html", "start.js", "start.css"):
        assert re.findall(r"(?:https?:)?//[a-z]", (FOLDER / name).read_text()) == []


@pytest.mark.parametrize(
    "path",
    ["/static/", "/static/graphiql", "/static/graphiql/", "/static/..%2fapp.py",
     "/static/%2e%2e/app.py", "/static/graphiql/..%5c..%5capp.py", "/static//etc/passwd",
     "/static/graphiql/%00"],
)  # fmt: skip
async def test_nothing_beside_these_files_is_served(graph: Graph, path: str) -> None:
    response = await graph.http.get(path)

    assert response.status_code == 404
    assert "import" not in response.text
