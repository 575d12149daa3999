"""Which pages an experiment is for."""

import re
from urllib.parse import SplitResult, urlsplit

from domain.errors import BadRequest


def parse_page(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise BadRequest("url is malformed") from None


def matches(target: str | None, page: SplitResult) -> bool:
    """`*` stands for any text. A target that begins with "/" is held against the path alone, one
    without a scheme against host and path; a query counts only where the target names one, and a
    final slash does not count."""
    if target is None:
        return True
    address = page.path if target.startswith("/") else f"{page.netloc.lower()}{page.path}"
    if "://" in target:
        address = f"{page.scheme}://{address}"
    if "?" in target:
        address = f"{address}?{page.query}"
    return _glob(target.rstrip("/")).fullmatch(address.rstrip("/")) is not None


def _glob(target: str) -> re.Pattern[str]:
    """The pieces between the stars are taken at their first place and never tried elsewhere, so
    that no target makes the match slow."""
    first, *middle = map(re.escape, target.split("*"))
    if not middle:
        return re.compile(first)
    pieces = "".join(f"(?>.*?{piece})" for piece in middle[:-1])
    return re.compile(f"{first}{pieces}.*{middle[-1]}", re.DOTALL)
