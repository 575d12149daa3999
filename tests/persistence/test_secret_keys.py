"""How keys are spelt and where they come from, and what is said of those that are wrong."""

import base64
from pathlib import Path

import pytest

from persistence.key_file import configured
from persistence.secret_keys import GivenKeys, SecretKeyFault, made_up, spelt
from tests.secret import OTHER_KEY, SECRET_KEY

SHORT = base64.b64encode(b"a secret that is short").decode()
ASKED = (
    "K must hold a key of 32 bytes in base64 or hexadecimal, or several with commas between them"
)
MAKE = "`openssl rand -base64 32` makes one"


def test_base64_and_hexadecimal_spell_the_same_key() -> None:
    plain = base64.b64decode(SECRET_KEY)

    found = [spelt(text, "K") for text in (SECRET_KEY, plain.hex(), plain.hex().upper())]

    assert found[0] == found[1] == found[2]


def test_several_keep_their_order_and_space_does_not_matter() -> None:
    first, second = spelt(SECRET_KEY, "K"), spelt(OTHER_KEY, "K")

    assert spelt(f" {SECRET_KEY} ,\n{OTHER_KEY}\n", "K") == (*first, *second)


def test_a_key_that_is_made_up_can_be_read_and_is_a_new_one() -> None:
    assert len({spelt(made_up(), "K")[0].id for _ in range(20)}) == 20


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "it is empty"),
        ("hunter2!", "it is neither"),
        ("schlüssel", "it is neither"),
        (SECRET_KEY[:-1], "it is neither"),
        (SHORT, "it has 22 bytes"),
        (SECRET_KEY + OTHER_KEY, "it is neither"),
        (base64.b64decode(SECRET_KEY).hex()[:-2], "it has 31 bytes"),
        ("g" * 64, "it has 48 bytes"),
        (f"{SECRET_KEY},", "key 2 of 2 is empty"),
        (f"{SECRET_KEY},{OTHER_KEY},{SHORT}", "key 3 of 3 has 22 bytes"),
        (f"{SECRET_KEY},{base64.b64decode(SECRET_KEY).hex()}", "key 2 of 2 is there twice"),
    ],
)
def test_what_is_no_key_is_refused_without_being_shown(text: str, wrong: str) -> None:
    with pytest.raises(SecretKeyFault) as refused:
        spelt(text, "K")

    assert str(refused.value) == f"{ASKED}, but {wrong}; {MAKE}"


def test_a_setting_is_taken_as_it_is() -> None:
    keys = configured(SECRET_KEY, None, None)

    assert isinstance(keys, GivenKeys)
    assert keys.current == spelt(SECRET_KEY, "K")


def test_a_file_that_is_named_has_to_be_there_and_is_never_made(tmp_path: Path) -> None:
    path = tmp_path / "key"

    with pytest.raises(SecretKeyFault) as refused:
        configured(None, path, tmp_path)

    sentence = f"ABGRAPH_SECRET_KEY_FILE ({path}) cannot be read: No such file or directory"
    assert str(refused.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_named_is_preferred_to_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET_KEY}\n")

    keys = configured(None, path, tmp_path)

    assert (keys.current, keys.settle()) == (spelt(SECRET_KEY, "K"), path)


def test_both_the_setting_and_its_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SecretKeyFault) as refused:
        configured(SECRET_KEY, tmp_path / "key", None)

    assert str(refused.value) == (
        "ABGRAPH_SECRET_KEY and ABGRAPH_SECRET_KEY_FILE are both set: leave one of them away"
    )


def test_without_a_folder_of_our_own_one_of_them_is_needed() -> None:
    with pytest.raises(SecretKeyFault) as refused:
        configured(None, None, None)

    assert str(refused.value) == (
        f"ABGRAPH_SECRET_KEY is not set, and with DATABASE_URL it has to be: {MAKE}, "
        "and every server of one database needs the same"
    )
