"""The end of a connection whose peer does not read."""

import socket
import struct
from asyncio import Transport
from contextlib import suppress

_AT_ONCE = struct.pack("ii", 1, 0)


def reset(transport: Transport) -> None:
    """Closing would wait for the peer to read what is on its way; so would the system."""
    connection = transport.get_extra_info("socket")
    with suppress(AttributeError, OSError, ValueError):  # it is gone already
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()
