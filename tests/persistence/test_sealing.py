"""What is sealed opens for its owner, in its column, under its key, and in no other case."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from domain.sealing import Box, SealFault, Unsealable
from persistence.sealing import SealedBox
from persistence.secret_keys import GivenKeys
from tests.secret import OTHER_KEY, SECRET_KEY

OWNER, ANOTHER = UUID(int=1), UUID(int=2)
PLAIN = b'{"alpha": 3.0, "beta": 5.0}'
HEAD, NONCE, TAG = 9, 12, 16


def box(keys: str = SECRET_KEY, column: str = "a.state") -> SealedBox:
    return SealedBox(GivenKeys(keys, "the test"), column)


def fault(sealed: bytes, by: Box, owner: UUID = OWNER) -> SealFault:
    with pytest.raises(Unsealable) as refused:
        by.open(sealed, owner)
    assert refused.value.__cause__ is None
    return refused.value.fault


@given(st.binary(max_size=1000), st.uuids())
def test_what_is_sealed_opens_for_its_owner(plain: bytes, owner: UUID) -> None:
    assert box().open(box().seal(plain, owner), owner) == plain


def test_no_two_seals_are_alike_and_none_shows_what_is_in_it() -> None:
    seals = {box().seal(PLAIN, OWNER) for _ in range(100)}

    assert len({sealed[HEAD : HEAD + NONCE] for sealed in seals}) == 100
    assert {len(sealed) for sealed in seals} == {HEAD + NONCE + len(PLAIN) + TAG}
    assert not any(b"alpha" in sealed for sealed in seals)


def test_what_was_moved_to_another_owner_or_column_does_not_open() -> None:
    sealed = box().seal(PLAIN, OWNER)

    assert fault(sealed, box(), ANOTHER) is SealFault.TAMPERED
    assert fault(sealed, box(column="b.state")) is SealFault.TAMPERED


def test_a_key_that_is_not_there_is_told_from_tampering() -> None:
    sealed = box(OTHER_KEY).seal(PLAIN, OWNER)

    assert fault(sealed, box()) is SealFault.UNKNOWN_KEY


def test_who_names_a_known_key_that_has_not_sealed_is_not_believed() -> None:
    both, sealed = box(f"{SECRET_KEY},{OTHER_KEY}"), box(OTHER_KEY).seal(PLAIN, OWNER)

    forged = box().seal(PLAIN, OWNER)[:HEAD] + sealed[HEAD:]

    assert fault(forged, both) is SealFault.TAMPERED


def test_the_first_key_seals_and_each_opens() -> None:
    both = box(f"{SECRET_KEY},{OTHER_KEY}")

    assert both.open(box(OTHER_KEY).seal(PLAIN, OWNER), OWNER) == PLAIN
    assert box().open(both.seal(PLAIN, OWNER), OWNER) == PLAIN
    assert both.is_current(both.seal(PLAIN, OWNER))
    assert not both.is_current(box(OTHER_KEY).seal(PLAIN, OWNER))


@pytest.mark.parametrize("bit", range(8))
def test_every_changed_bit_is_noticed(bit: int) -> None:
    sealed = box().seal(PLAIN, OWNER)

    found = [
        fault(sealed[:place] + bytes([sealed[place] ^ 1 << bit]) + sealed[place + 1 :], box())
        for place in range(len(sealed))
    ]

    in_the_id = [SealFault.UNKNOWN_KEY] * (HEAD - 1)
    rest = [SealFault.TAMPERED] * (len(sealed) - HEAD)
    assert found == [SealFault.TAMPERED, *in_the_id, *rest]


def test_what_was_cut_or_lengthened_does_not_open() -> None:
    sealed = box().seal(PLAIN, OWNER)

    cut = [fault(sealed[:length], box()) for length in range(len(sealed))]

    assert set(cut) == {SealFault.TAMPERED}
    assert fault(sealed + b"\0", box()) is SealFault.TAMPERED


@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_never_more_than_refused(garbage: bytes, has_head: bool) -> None:
    head = box().seal(PLAIN, OWNER)[:HEAD] if has_head else b""

    with pytest.raises(Unsealable):
        box().open(head + garbage, OWNER)


def test_the_format_is_what_older_versions_have_stored() -> None:
    """Version 1, the first eight bytes of SHA-256, a nonce; label, head and owner bound in."""
    head = bytes.fromhex("01") + GivenKeys(SECRET_KEY, "the test").current[0].id
    cipher, nonce = AESGCM(b"the secret key that tests share."), bytes(range(NONCE))
    bound = b"a.state\0" + head + OWNER.bytes

    sealed = head + nonce + cipher.encrypt(nonce, PLAIN, bound)

    assert head.hex() == "011404c9b122918973"
    assert box().open(sealed, OWNER) == PLAIN


def test_nothing_shows_the_key_or_what_was_sealed() -> None:
    keys = GivenKeys(SECRET_KEY, "the test")

    shown = f"{keys!r} {keys.current!r} {box()!r} {vars(box())!r} {Unsealable(SealFault.TAMPERED)}"

    assert [word for word in (SECRET_KEY, "that tests share", "alpha") if word in shown] == []
