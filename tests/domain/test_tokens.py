import hashlib
from collections.abc import Callable

import pytest

from domain import tokens
from domain.tokens import Token


@pytest.mark.parametrize(
    ("make", "prefix"),
    [(tokens.new_session_token, "abs_"), (tokens.new_key, "abk_")],
    ids=["session", "key"],
)
def test_a_token_is_256_random_bits_behind_its_prefix(
    make: Callable[[], Token], prefix: str
) -> None:
    made = {make().text for _ in range(100)}

    assert len(made) == 100
    assert {(text[:4], len(text)) for text in made} == {(prefix, 4 + 43)}


def test_a_token_is_kept_as_its_hash_and_recognised_by_12_characters() -> None:
    token = Token("abk_0123456789abcdef")

    assert token.hash == hashlib.sha256(b"abk_0123456789abcdef").digest()
    assert token.prefix == "abk_01234567"


def test_a_token_is_not_shown_by_accident() -> None:
    assert repr(Token("abk_0123456789abcdef")) == "Token()"
