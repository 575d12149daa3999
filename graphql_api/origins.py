"""Where a request comes from. Pages of other origins may talk to us where a key names them."""

from http import HTTPStatus
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from domain.access import Caller, Forbidden
from domain.authentication import Authentication
from domain.keys import ANY_ORIGIN

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": (
        "authorization, content-type, accept, x-request-id, x-graphql-cost"
    ),
    "Access-Control-Max-Age": "600",
}
_EXPOSED = {"Access-Control-Expose-Headers": "x-request-id, retry-after"}


def address_of(request: HTTPConnection) -> str:
    return network_of(request.client.host if request.client else "unknown")


def network_of(host: str) -> str:
    """Of IPv6 the network: whoever has one address has 2^64."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((int(address), 64), strict=False))


def foreign_origin(request: HTTPConnection) -> str | None:
    """The origin of the page that asks, unless it is one of ours or no page at all."""
    origin, host = request.headers.get("origin"), request.headers.get("host")
    if origin is None or (host and _netloc(origin.lower()) == host.lower()):
        return None
    return origin.lower()


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def check_origin(origin: str | None, caller: Caller | None) -> None:
    allowed = caller.allowed_origins if caller else ()
    if origin is not None and origin not in allowed and ANY_ORIGIN not in allowed:
        raise Forbidden("pages of this origin may not use these credentials")


async def preflight(request: Request, authentication: Authentication) -> Response:
    """A browser asks before it shows a key: is there any that this page may show?"""
    origin = foreign_origin(request)
    if origin is None or not await authentication.is_allowed_origin(origin):
        return Response(status_code=HTTPStatus.FORBIDDEN, headers={"Vary": "Origin"})
    headers = shared_with(origin) | _PREFLIGHT
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)


def shared_with(origin: str | None) -> dict[str, str]:
    """What lets the page of another origin read the answer."""
    if origin is None:
        return {"Vary": "Origin"}
    return {"Vary": "Origin", "Access-Control-Allow-Origin": origin} | _EXPOSED
