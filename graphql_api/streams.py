"""What all streams of a process work with, WebSockets and server-sent events."""

from collections.abc import Callable
from dataclasses import dataclass

from domain.access import Caller
from domain.vigil import Vigil
from graphql_api.bounds import Bounds
from graphql_api.channels import Channels
from graphql_api.connections import Connections
from graphql_api.context import Context
from graphql_api.operations import Operations
from graphql_api.payloads import Outdated

MakeContext = Callable[[Caller | None, str], Context]


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    bounds: Bounds
    operations: Operations
    make_context: MakeContext
    channels: Channels
    connections: Connections
    vigil: Vigil
    outdated: Outdated
