"""Who shares what an address is allowed."""

import pytest
from starlette.requests import HTTPConnection

from graphql_api.origins import address_of


def asked_from(host: str | None) -> HTTPConnection:
    client = None if host is None else (host, 4711)
    return HTTPConnection({"type": "http", "headers": [], "client": client})


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::7%eth0", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_an_address_of_the_new_kind_counts_as_its_network(host: str | None, address: str) -> None:
    assert address_of(asked_from(host)) == address
