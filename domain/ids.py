"""UUIDv7: ids that grow with time, so that new rows land at the end of an index."""

import os
import threading
import time
from typing import NewType
from uuid import UUID

ProjectId = NewType("ProjectId", UUID)

NIL = UUID(int=0)

_RANDOM_BYTES = 8
_BUFFERED_IDS = 512


class _Entropy(threading.local):
    """A system call for each id was a sixth of the tracker's path: read for many at once."""

    buffer = b""
    offset = 0

    def take(self) -> bytes:
        if self.offset >= len(self.buffer):
            self.buffer, self.offset = os.urandom(_RANDOM_BYTES * _BUFFERED_IDS), 0
        self.offset += _RANDOM_BYTES
        return self.buffer[self.offset - _RANDOM_BYTES : self.offset]

    def forget(self) -> None:
        self.buffer, self.offset = b"", 0


_entropy = _Entropy()
os.register_at_fork(after_in_child=_entropy.forget)


def new_id() -> UUID:
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = nanoseconds * 4096 // 1_000_000
    random = int.from_bytes(_entropy.take()) & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=milliseconds << 80 | 7 << 76 | fraction << 64 | 2 << 62 | random)
