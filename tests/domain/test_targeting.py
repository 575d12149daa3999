import time

import pytest

from domain.errors import BadRequest
from domain.targeting import matches, parse_page


def matched(target: str | None, url: str) -> bool:
    return matches(target, parse_page(url))


def test_an_experiment_without_a_target_is_for_every_page() -> None:
    assert matched(None, "https://shop.example/anything?at=all")
    assert matched(None, "")


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/checkout", "https://shop.example/checkout"),
        ("/checkout", "http://other.example:8080/checkout"),
        ("/checkout", "https://shop.example/checkout/"),
        ("/checkout/", "https://shop.example/checkout"),
        ("/checkout", "https://shop.example/checkout?step=2#pay"),
        ("/", "https://shop.example/"),
        ("/", "https://shop.example"),
        ("/a.b", "https://shop.example/a.b"),
    ],
)
def test_a_path_is_held_against_the_path_alone(target: str, url: str) -> None:
    assert matched(target, url)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("/checkout", "https://shop.example/checkout/pay"),
        ("/checkout", "https://shop.example/de/checkout"),
        ("/checkout", "https://shop.example/Checkout"),
        ("/checkout", "https://shop.example/?page=/checkout"),
        ("/", "https://shop.example/checkout"),
        ("/a.b", "https://shop.example/axb"),
        ("/a+", "https://shop.example/aa"),
    ],
)
def test_another_path_does_not_match(target: str, url: str) -> None:
    assert not matched(target, url)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("shop.example/checkout", "https://shop.example/checkout"),
        ("shop.example/checkout", "http://shop.example/checkout/"),
        ("shop.example", "https://shop.example/"),
        ("shop.example/", "https://shop.example"),
        ("shop.example/a", "https://SHOP.example/a"),
        ("Shop.Example/a", "https://shop.example/a"),
        ("localhost:3000/a", "http://localhost:3000/a"),
        ("*.shop.example/a", "https://de.shop.example/a"),
        ("shop.example:*/a", "https://shop.example:8443/a"),
        ("[::1]:3000/a", "http://[::1]:3000/a"),
    ],
)
def test_without_a_scheme_host_and_path_count(target: str, url: str) -> None:
    assert matched(target, url)


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("shop.example", "https://shop.example/checkout"),
        ("shop.example/a", "https://shop.example/A"),
        ("Shop.Example/A", "https://shop.example/a"),
        ("shop.example/a", "https://de.shop.example/a"),
        ("shop.example/a", "https://shop.example:8443/a"),
        ("localhost:3000/a", "http://localhost:3001/a"),
        ("*.shop.example/a", "https://shop.example/a"),
        ("shop.example/a", "https://shop-example/a"),
    ],
)
def test_another_host_does_not_match(target: str, url: str) -> None:
    assert not matched(target, url)


@pytest.mark.parametrize(
    ("target", "url", "expected"),
    [
        ("https://shop.example/a", "https://shop.example/a", True),
        ("https://shop.example/a", "http://shop.example/a", False),
        ("HTTPS://Shop.Example/a", "https://shop.example/a", True),
        ("https://shop.example/a", "HTTPS://SHOP.EXAMPLE/a", True),
        ("http*://shop.example/a", "https://shop.example/a", True),
        ("*://shop.example/a", "app://shop.example/a", True),
        ("https://shop.example", "https://shop.example/", True),
        ("https://*", "https://shop.example/a/b?c", True),
    ],
)
def test_a_scheme_counts_where_the_target_names_one(target: str, url: str, expected: bool) -> None:
    assert matched(target, url) is expected


@pytest.mark.parametrize(
    ("target", "url", "expected"),
    [
        ("/search?q=shoes", "https://shop.example/search?q=shoes", True),
        ("/search?q=shoes", "https://shop.example/search?q=shoes&page=2", False),
        ("/search?q=shoes*", "https://shop.example/search?q=shoes&page=2", True),
        ("/search?*page=2*", "https://shop.example/search?q=shoes&page=2", True),
        ("/search?q=shoes", "https://shop.example/search", False),
        ("/search?", "https://shop.example/search", True),
        ("/search*", "https://shop.example/search?q=shoes", True),
        ("shop.example/search?q=1", "https://shop.example/search?q=1", True),
        ("/go?to=https://a.example", "https://shop.example/go?to=https://a.example", True),
        ("x.example/go?to=http://b", "https://x.example/go?to=http://b", True),
        ("x.example/proxy/http://b", "https://x.example/proxy/http://b", True),
    ],
)
def test_a_query_counts_where_the_target_names_one(target: str, url: str, expected: bool) -> None:
    assert matched(target, url) is expected


@pytest.mark.parametrize(
    ("target", "url", "expected"),
    [
        ("*", "https://shop.example/a", True),
        ("*", "", True),
        ("/*", "https://shop.example", True),
        ("/*", "https://shop.example/a/b", True),
        ("/shop/*", "https://shop.example/shop/shoes/red", True),
        ("/shop/*", "https://shop.example/shop/", True),
        ("/shop/*", "https://shop.example/shop", False),
        ("/shop*", "https://shop.example/shop", True),
        ("shop.example/*", "https://shop.example/", True),
        ("shop.example*", "https://shop.example/a", True),
        ("*/pay", "https://shop.example/de/pay", True),
        ("*/pay/", "https://shop.example/de/pay", True),
        ("*/Pay", "https://shop.example/de/Pay", True),
        ("*Pay*", "https://shop.example/de/Pay/1", True),
        ("/*/pay", "https://shop.example/pay", False),
        ("/*/pay/*/done", "https://shop.example/de/pay/1/2/done", True),
        ("/a**b", "https://shop.example/ab", True),
        ("/ab*ba", "https://shop.example/aba", False),
        ("/ab*ba", "https://shop.example/abba", True),
        ("/a*b*b", "https://shop.example/ab", False),
        ("/a*b*b", "https://shop.example/abb", True),
        ("/*aab", "https://shop.example/aaab", True),
        ("/*a*aab*", "https://shop.example/aaab", True),
    ],
)
def test_a_star_stands_for_any_text(target: str, url: str, expected: bool) -> None:
    assert matched(target, url) is expected


@pytest.mark.parametrize(
    "target",
    ["*a" * 999 + "*b", "*" + "a" * 1990 + "b*", "*" + "a" * 1990 + "b", "*aab" * 400],
    ids=["many stars", "long piece inside", "long piece at the end", "many pieces"],
)
def test_no_target_makes_the_match_slow(target: str) -> None:
    url = "https://shop.example/" + "a" * 1_000_000

    begun = time.perf_counter()
    found = matched(target, url)

    assert not found
    assert time.perf_counter() - begun < 0.5


@pytest.mark.parametrize("url", ["http://[::1", "https://a]b/", "https://a℀b/"])
def test_a_malformed_url_is_a_bad_request(url: str) -> None:
    with pytest.raises(BadRequest, match=r"^url is malformed$"):
        parse_page(url)


@pytest.mark.parametrize("url", ["", "shop", "/shop", "?", "#", "https://", "https://a:port/x"])
def test_an_incomplete_url_is_a_page_that_matches_little(url: str) -> None:
    assert not matched("https://shop.example/checkout", url)
