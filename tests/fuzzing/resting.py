"""What is left of clients who have gone."""

import os
from pathlib import Path

from tests.live.conftest import Running

_PAGES = Path("/proc/self/statm")


def is_at_rest(server: Running) -> bool:
    endpoints, state = server.endpoints, server.server.server_state
    return not (
        len(endpoints.connections)
        or len(endpoints.channels)
        or len(endpoints.vigil)
        or len(state.connections) > 1  # that of the test
        or state.tasks
    )


def resident() -> int:
    """Bytes of memory that this process has, the server in it."""
    return int(_PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def is_well(server: Running) -> bool:
    response = await server.http.post("/graphql", json={"query": "{ __typename }"})
    found: bool = response.json() == {"data": {"__typename": "Query"}}
    return found
