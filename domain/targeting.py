"""Which pages an experiment is for."""

import re
from urllib.parse import SplitResult, urlsplit

from domain.errors import BadRequest

_SCHEME = re.compile(r"[^/?]*://")
_SCHEME_AND_HOST = re.compile(r"([^/?*]*://)?[^/?*]*")


def parse_page(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise BadRequest("url is malformed") from None


def matches(target: str | None, page: SplitResult) -> bool:
    """`*` stands for any text. A target that begins with "/" is held against the path alone, one
    without a scheme against host and path; a query counts only where the target names one, and a
    final slash does not count. Capitals in the host, up to its first `*`, are taken as small."""
    if target is None:
        return True
    address = _address(target, page)
    pattern = _SCHEME_AND_HOST.sub(lambda start: start[0].lower(), target, count=1).rstrip("/")
    return _covers(pattern, address) or _covers(pattern, address.rstrip("/"))


def _address(target: str, page: SplitResult) -> str:
    """What of the page's address the target speaks of."""
    address = page.path or "/"
    if not target.startswith("/"):
        address = f"{page.netloc.lower()}{address}"
    if _SCHEME.match(target):
        address = f"{page.scheme}://{address}"
    return f"{address}?{page.query}" if "?" in target else address


def _covers(pattern: str, address: str) -> bool:
    """The pieces between the stars are taken at their first place and never tried elsewhere, so
    that no target makes the match slow."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == address
    *middle, last = rest
    if not address.startswith(first):
        return False
    end = len(first)
    for piece in middle:
        found = address.find(piece, end)
        if found < 0:
            return False
        end = found + len(piece)
    return address.endswith(last) and end + len(last) <= len(address)
