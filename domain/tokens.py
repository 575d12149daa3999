"""Session tokens and API keys: 256 random bits, shown once and kept as a hash. What is that random
needs no slow hash: it cannot be guessed from a dictionary."""

import hashlib
import secrets
from dataclasses import dataclass, field

SESSION_PREFIX = "abs_"
KEY_PREFIX = "abk_"
SHOWN = 12  # characters by which a key is recognised


@dataclass(frozen=True, slots=True)
class Token:
    text: str = field(repr=False)

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()

    @property
    def prefix(self) -> str:
        return self.text[:SHOWN]


def new_session_token() -> Token:
    return Token(SESSION_PREFIX + secrets.token_urlsafe(32))


def new_key() -> Token:
    return Token(KEY_PREFIX + secrets.token_urlsafe(32))
