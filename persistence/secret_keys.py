"""The secret keys: what they are made of, and how a setting or a file spells them."""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import StartFault

SIZE = 32  # bytes
MAKE_ONE = "`openssl rand -base64 32` makes one"
_ID_LABEL = b"abgraph secret key id\0"
_ID_SIZE = 8


class SecretKeyFault(StartFault):
    """Never with anything of a key in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKey:
    id: bytes  # tells which key has sealed a value, and nothing of the key
    cipher: AESGCM = field(repr=False, compare=False)


class Keys(Protocol):
    @property
    def current(self) -> Sequence[SecretKey]:
        """One at least: the first seals, each opens."""
        ...


class Rotating(Keys, Protocol):
    """Keys of which the first is to take the place of the others."""

    source: str

    @property
    def is_followed(self) -> bool:
        """Whether running servers see by themselves what becomes of them."""
        ...

    def taken(self) -> AbstractContextManager[None]:
        """By one who changes them; a second is refused."""
        ...

    def begin(self) -> None:
        """A new one stands in front; where one does already, that was begun before."""
        ...

    def finish(self) -> bool:
        """Whether the first is the only one now."""
        ...


class GivenKeys:
    """By a setting: the same for as long as the process lives."""

    is_followed = False

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.current = spelt(text, source)

    def settle(self) -> None:
        """There already."""

    def taken(self) -> AbstractContextManager[None]:
        return nullcontext()

    def begin(self) -> None:
        if len(self.current) == 1:
            raise SecretKeyFault(
                f"{self.source} holds one key: set it to a new key, a comma and the present one, "
                f"restart every server with that, and do this again; {MAKE_ONE}"
            )

    def finish(self) -> bool:
        return False


def spelt(text: str, source: str) -> Sequence[SecretKey]:
    """Raises SecretKeyFault, which names the source."""
    words = [word.strip() for word in text.split(",")]
    found: list[SecretKey] = []
    for place, word in enumerate(words, start=1):
        key, fault = _decoded(word)
        if not fault and _known(key, found):
            fault = "is there twice"
        if fault:
            which = "it" if len(words) == 1 else f"key {place} of {len(words)}"
            raise SecretKeyFault(
                f"{source} must hold a key of {SIZE} bytes in base64 or hexadecimal, or several "
                f"with commas between them, but {which} {fault}; {MAKE_ONE}"
            )
        found.append(SecretKey(id=_id(key), cipher=AESGCM(key)))
    return tuple(found)


def made_up() -> str:
    return base64.b64encode(os.urandom(SIZE)).decode()


def _known(key: bytes, found: Sequence[SecretKey]) -> bool:
    return _id(key) in {each.id for each in found}


def _decoded(word: str) -> tuple[bytes, str]:
    """The key, and what is wrong with it."""
    if not word:
        return b"", "is empty"
    try:
        key = bytes.fromhex(word) if _is_hex(word) else base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        return b"", "is neither"
    return key, "" if len(key) == SIZE else f"has {len(key)} bytes"


def _is_hex(word: str) -> bool:
    """Which 32 bytes in base64 are never: they end with an equals sign."""
    return len(word) % 2 == 0 and set(word.lower()) <= set("0123456789abcdef")


def _id(key: bytes) -> bytes:
    return hashlib.sha256(_ID_LABEL + key).digest()[:_ID_SIZE]
