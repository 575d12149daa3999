"""What /metrics says, as numbers."""

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette


def client(app: Starlette, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """Somebody at that address, who shows no key."""
    transport = httpx.ASGITransport(app, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://abgraph")


class Scraped:
    def __init__(self, text: str) -> None:
        self._samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    def all(self, name: str) -> list[tuple[Mapping[str, str], float]]:
        return [(each.labels, each.value) for each in self._samples if each.name == name]

    def value(self, name: str, **labels: str) -> float:
        """0 for what has not been counted yet."""
        found = [value for known, value in self.all(name) if labels.items() <= known.items()]
        return sum(found)


async def scraped(app: Starlette) -> Scraped:
    response = await client(app).get("/metrics")
    assert response.status_code == 200, response.text
    return Scraped(response.text)
