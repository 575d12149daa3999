"""Frames of WebSocket, byte by byte: right ones, and such as no client may send."""

import asyncio
import json
import struct
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from websockets.frames import Close, Frame, Opcode

from tests.fuzzing.corpus import PAYLOADS
from tests.fuzzing.mutating import Mutator
from tests.live.conftest import SERVER_KEY
from tests.live.peers import Peer

FINAL = 8
TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
_MASK = b"\x25\x50\x75\xff"
_SILENCE = 0.25  # seconds: it waits for the rest of a frame
_STILL_THERE = b"still there?"
_CODES = (0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 2999, 3000, 4999, 5000, 65_535)
INIT = {"type": "connection_init", "payload": {"Authorization": f"Bearer {SERVER_KEY}"}}


class Writer:
    """Of messages and frames that are somewhat wrong."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._mutator = Mutator(random)
        self._count = 0

    def first(self) -> bytes:
        """Mostly right, for else nothing of what follows is looked at."""
        is_wrong = self._random.random() < 0.2
        return self._mutator.encoded(INIT) if is_wrong else json.dumps(INIT).encode()

    def message(self) -> bytes:
        return self._mutator.encoded(self._right_message())

    def frames(self) -> bytes:
        """One message or some, in frames of which one at least is wrong."""
        make = self._random.choice(
            (self._misframed, self._misframed, self._fragments, self._control, self._damaged)
        )
        return make()

    def _right_message(self) -> dict[str, Any]:
        self._count += 1
        name, kind = f"id-{self._count}", self._random.random()
        if kind < 0.8:
            return {"type": "subscribe", "id": name, "payload": self._random.choice(PAYLOADS)}
        others: tuple[dict[str, Any], ...] = (
            {"type": "complete", "id": name},
            {"type": "ping", "payload": {"a": [1, None]}},
            {"type": "pong"},
            INIT,
        )
        return self._random.choice(others)

    def _misframed(self) -> bytes:
        data = self._mutator.encoded(self._right_message())
        return framed(
            data,
            opcode=self._random.choice((TEXT,) * 6 + (BINARY, CONTINUED, CLOSE, 3, 7, 11, 15)),
            flags=self._random.choice((FINAL, FINAL, FINAL, 0, FINAL | 1, FINAL | 2, FINAL | 4)),
            mask=self._random.choice((_MASK, _MASK, b"\0\0\0\0", None)),
            length=self._random.choice((None, None, 0, 1, 2**16, 2**31, 2**63 - 1, 2**64 - 1)),
            width=self._random.choice((None, None, 126, 127)),
        )  # fmt: skip

    def _fragments(self) -> bytes:
        data = self._mutator.encoded(self._right_message())
        size = self._random.choice((1, 7, 100)) if len(data) < 3_000 else 500
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        found = [
            framed(
                piece, opcode=CONTINUED if at else TEXT, flags=FINAL if at + 1 == len(pieces) else 0
            )
            for at, piece in enumerate(pieces)
        ]
        between = self._random.choice(
            (framed(b"", opcode=PING), framed(data), self._control(), b"")
        )
        found.insert(self._random.randrange(len(found) + 1), between)
        if self._random.random() < 0.3:
            del found[self._random.randrange(len(found))]
        return b"".join(found)

    def _control(self) -> bytes:
        code = struct.pack("!H", self._random.choice(_CODES))
        data = self._random.choice(
            (
                b"",
                b"x",
                code,
                code + b"why",
                code + b"\xff",
                code + b"x" * 200,
                b"x" * 126,
                b"x" * 70_000,
            )
        )
        flags = self._random.choice((FINAL, FINAL, FINAL, 0))
        return framed(data, opcode=self._random.choice((CLOSE, CLOSE, PING, PONG)), flags=flags)

    def _damaged(self) -> bytes:
        return self._mutator.damaged(framed(self._mutator.encoded(self._right_message())))


def framed(
    data: bytes,
    *,
    opcode: int = TEXT,
    flags: int = FINAL,
    mask: bytes | None = _MASK,
    length: int | None = None,
    width: int | None = None,
) -> bytes:
    """RFC 6455, section 5.2. `length`: that it says it has; `width`: of how it says that."""
    said = len(data) if length is None else length
    least = 127 if said > 0xFFFF else 126 if said > 125 else said
    size = max(least, width or 0)
    extended = {126: "!H", 127: "!Q"}.get(size)
    head = bytes([flags << 4 | opcode, (mask is not None) << 7 | size])
    head += b"" if extended is None else struct.pack(extended, said)
    if mask is None:
        return head + data
    repeated = mask * (len(data) // 4 + 1)
    return head + mask + bytes(byte ^ key for byte, key in zip(data, repeated, strict=False))


@dataclass(frozen=True)
class Heard:
    fate: str  # of the connection
    messages: list[bytes]
    reason: str = ""


RIGHT_INIT = framed(json.dumps(INIT).encode())


class RoughPeer(Peer):
    """Sends any bytes, and knows how the server took them."""

    async def send(self, data: bytes) -> Heard:
        return await self._sent(data + framed(_STILL_THERE, opcode=PING))

    async def bid_farewell(self) -> Heard:
        return await self._sent(framed(struct.pack("!H", 1000), opcode=CLOSE))

    async def _sent(self, data: bytes) -> Heard:
        messages: list[bytes] = []
        try:
            async with asyncio.timeout(_SILENCE):
                with suppress(ConnectionError):  # it has closed already, and may have said why
                    await asyncio.get_running_loop().sock_sendall(self.socket, data)
                return await self._heard(messages)
        except TimeoutError:
            return Heard("silent", messages)
        except ConnectionResetError:
            return Heard("reset", messages)

    async def _heard(self, messages: list[bytes]) -> Heard:
        unfinished = b""
        while frame := await self._next():
            if frame.opcode is Opcode.CLOSE:
                close = Close.parse(frame.data)
                return Heard(f"closed {close.code}", messages, close.reason)
            if frame.opcode is Opcode.PONG and frame.data == _STILL_THERE:
                return Heard("open", messages)
            if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                unfinished += frame.data
                if frame.fin:
                    messages.append(unfinished)
                    unfinished = b""
        return Heard("ended", messages)

    async def _next(self) -> Frame | None:
        """None at the end of all."""
        while not self._unread:
            data = await asyncio.get_running_loop().sock_recv(self.socket, 2**16)
            if not data:
                return None
            self._protocol.receive_data(data)
            self._unread += self._protocol.events_received()
        found = self._unread.pop(0)
        assert isinstance(found, Frame), found
        return found
