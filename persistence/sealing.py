"""Sealed values: AES-256-GCM, bound to one column and one owner."""

import os
from uuid import UUID

from cryptography.exceptions import InvalidTag

from domain.sealing import SealFault, Unsealable
from persistence.secret_keys import Keys, SecretKey

ALGORITHM_STATE = "ab_variants.algorithm_state"

# A sealed value is the version, the key's id, a nonce, the text, a tag.
_VERSION = b"\x01"
_HEAD = 9
_NONCE = 12
_TAG = 16


class SealedBox:
    """Satisfies domain.sealing.Box for the values of one column."""

    def __init__(self, keys: Keys, column: str) -> None:
        self._keys = keys
        self._label = column.encode() + b"\0"

    def seal(self, plain: bytes, owner: UUID) -> bytes:
        key = self._keys.current[0]
        head, nonce = head_of(key), os.urandom(_NONCE)
        return head + nonce + key.cipher.encrypt(nonce, plain, self._bound(head, owner))

    def open(self, sealed: bytes, owner: UUID) -> bytes:
        head, nonce, text = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        if len(text) < _TAG or not head.startswith(_VERSION):
            raise Unsealable(SealFault.TAMPERED)
        for key in self._keys.current:
            if head_of(key) == head:
                return self._opened(key, nonce, text, self._bound(head, owner))
        raise Unsealable(SealFault.UNKNOWN_KEY)

    def is_current(self, sealed: bytes) -> bool:
        """Whether it would be sealed under the same key today."""
        return sealed.startswith(head_of(self._keys.current[0]))

    def _opened(self, key: SecretKey, nonce: bytes, text: bytes, bound: bytes) -> bytes:
        try:
            return key.cipher.decrypt(nonce, text, bound)
        except InvalidTag:
            raise Unsealable(SealFault.TAMPERED) from None

    def _bound(self, head: bytes, owner: UUID) -> bytes:
        return self._label + head + owner.bytes


def head_of(key: SecretKey) -> bytes:
    return _VERSION + key.id
