"""What seals and opens, without a cipher: the seal is a hash that only holders of the key make."""

import hashlib
from uuid import UUID

from domain.sealing import SealFault, Unsealable


class FakeBox:
    def __init__(self, key: str = "key") -> None:
        self.key = key

    def seal(self, plain: bytes, owner: UUID) -> bytes:
        return self.key.encode() + b" " + self._mark(plain, owner) + b" " + plain

    def open(self, sealed: bytes, owner: UUID) -> bytes:
        key, _, rest = sealed.partition(b" ")
        mark, _, plain = rest.partition(b" ")
        if key != self.key.encode():
            raise Unsealable(SealFault.UNKNOWN_KEY)
        if mark != self._mark(plain, owner):
            raise Unsealable(SealFault.TAMPERED)
        return plain

    def _mark(self, plain: bytes, owner: UUID) -> bytes:
        return hashlib.sha256(self.key.encode() + owner.bytes + plain).hexdigest().encode()
