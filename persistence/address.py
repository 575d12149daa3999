"""The database's URL, as people write it and as the driver takes it."""

from urllib.parse import parse_qsl, urlencode, urlsplit

from domain.errors import StartFault

_LIBPQ_ALONE = ("channel_binding", "connect_timeout", "gssencmode", "keepalives")


class UnusableUrl(StartFault):
    """Says what a URL looks like, and repeats nothing of this one: it may hold a password."""

    def __init__(self) -> None:
        super().__init__(
            "DATABASE_URL must look like postgresql://user:password@host:5432/name,"
            " with special characters quoted (@ as %40, a space as %20)"
        )


def driver_url(url: str) -> str:
    """The driver's scheme, `sslmode`, and nothing that libpq alone understands: the driver would
    send it to the server as a setting, which refuses it."""
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        user, _, hosts = parts.netloc.rpartition("@")
        ports = [urlsplit(f"//{host}").port for host in hosts.split(",")]
    except ValueError:
        raise UnusableUrl from None
    scheme = parts.scheme.removesuffix("+asyncpg")
    if scheme not in ("postgres", "postgresql") or parts.fragment or "@" in user or 0 in ports:
        raise UnusableUrl
    if "ssl" in query:
        query["sslmode"] = query.pop("ssl")
    kept = {name: value for name, value in query.items() if name not in _LIBPQ_ALONE}
    return f"{scheme}://{parts.netloc}{parts.path}" + (f"?{urlencode(kept)}" if kept else "")
