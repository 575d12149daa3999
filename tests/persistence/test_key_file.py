"""The file of the secret keys: made once, followed, replaced whole, and kept to its owner."""

import asyncio
import logging
import os
import stat
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from persistence.key_file import KeyFile, configured
from persistence.secret_keys import GivenKeys, SecretKeyFault, spelt
from tests.persistence.servers import ROOT, names_in
from tests.secret import OTHER_KEY, SECRET_KEY

MAKER = """
import sys
from pathlib import Path
from persistence.key_file import configured
keys = configured(None, None, Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
print(keys.current[0].id.hex())
"""
BOTH = f"{OTHER_KEY},{SECRET_KEY}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{SECRET_KEY}\n")
    return path


@pytest.fixture
def keys(path: Path) -> KeyFile:
    return KeyFile(path, "K")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_of_the_embedded_database_gets_a_key_of_its_own(tmp_path: Path) -> None:
    made, again = (configured(None, None, tmp_path) for _ in range(2))
    before = names_in(tmp_path)

    first = made.current

    assert before == set()
    assert names_in(tmp_path) == {"secret.key"}
    assert mode_of(tmp_path / "secret.key") == 0o600
    assert again.current == made.current == first
    assert len(first) == 1


def test_a_key_that_root_makes_is_its_folders_owners(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)

    path = configured(None, None, tmp_path).settle()

    assert path
    assert path.stat().st_uid == tmp_path.stat().st_uid


async def maker(folder: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MAKER, folder),
        env={"PYTHONPATH": str(ROOT)},
        stdin=PIPE,
        stdout=PIPE,
    )


async def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    processes = [await maker(tmp_path) for _ in range(6)]
    for each in processes:
        assert each.stdout
        assert await each.stdout.readline() == b"ready\n"

    told = await asyncio.gather(*(each.communicate(b"go\n") for each in processes))

    [made] = configured(None, None, tmp_path).current
    assert {said.decode().strip() for said, _ in told} == {made.id.hex()}
    assert names_in(tmp_path) == {"secret.key"}


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    keys = configured(None, None, tmp_path / "none")

    with pytest.raises(SecretKeyFault) as refused:
        keys.settle()

    sentence = f"{tmp_path / 'none' / 'secret.key'} cannot be read: No such file or directory"
    assert str(refused.value) == sentence


@pytest.mark.parametrize("text", ["", "hunter2", "\0" * 100_000, f"{SECRET_KEY} {OTHER_KEY}"])
def test_a_file_without_keys_is_no_beginning(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret.key"
    path.write_text(text)

    with pytest.raises(SecretKeyFault, match=f"^{path} must hold a key of 32 bytes") as refused:
        configured(None, None, tmp_path).settle()

    assert path.read_text() == text
    assert SECRET_KEY not in str(refused.value)


def test_a_change_is_followed_at_once(path: Path, keys: KeyFile) -> None:
    first = keys.current

    path.write_text(BOTH)  # in place
    second = keys.current
    path.with_name("other").write_text(OTHER_KEY)
    path.with_name("other").replace(path)

    assert (first, second) == (spelt(SECRET_KEY, "K"), spelt(BOTH, "K"))
    assert keys.current == spelt(OTHER_KEY, "K")


def test_a_file_that_was_not_touched_is_not_read_again(path: Path, keys: KeyFile) -> None:
    first = keys.current

    assert keys.current is first
    os.utime(path)
    assert keys.current == first


@pytest.mark.parametrize("text", [None, "", "hunter2"])
def test_without_its_file_a_process_goes_on_with_the_keys_it_had(
    path: Path, keys: KeyFile, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    first = keys.current

    if text is None:
        path.unlink()
    else:
        path.write_text(text)

    with caplog.at_level(logging.ERROR):
        assert [keys.current for _ in range(3)] == [first] * 3
    [sentence] = caplog.messages
    assert sentence.endswith("; the keys that were there before are used")
    path.write_text(OTHER_KEY)
    assert keys.current == spelt(OTHER_KEY, "K")


def test_a_lost_key_of_ours_is_not_made_again_while_it_is_known(tmp_path: Path) -> None:
    keys = configured(None, None, tmp_path)
    first = keys.current

    (tmp_path / "secret.key").unlink()

    assert keys.current == first
    assert names_in(tmp_path) == set()


def test_a_new_key_comes_first_and_stays_alone(path: Path, keys: KeyFile) -> None:
    [old] = keys.current

    with keys.taken():
        keys.begin()
        new, *others = keys.current
        assert others == [old]
        assert KeyFile(path, "K").current == (new, old)
        assert keys.finish()

    assert KeyFile(path, "K").current == (new,) != (old,)
    assert names_in(path.parent) == {"key"}


def test_what_was_begun_is_not_begun_again(path: Path, keys: KeyFile) -> None:
    path.write_text(BOTH)

    with keys.taken():
        keys.begin()

    assert keys.current == spelt(BOTH, "K")


def test_two_do_not_change_it_at_once(path: Path, keys: KeyFile) -> None:
    another = KeyFile(path, "K")

    with keys.taken(), pytest.raises(SecretKeyFault) as refused, another.taken():
        pass

    assert str(refused.value) == "K is being changed by another: wait for that"
    with another.taken():
        another.begin()
    assert len(keys.current) == 2


def test_who_could_read_it_can_still(path: Path, keys: KeyFile) -> None:
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 0, 65534)
    before = path.stat()

    with keys.taken():
        keys.begin()

    after = path.stat()
    assert mode_of(path) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_a_link_to_it_stays_a_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(path)
    keys = KeyFile(link, "K")

    with keys.taken():
        keys.begin()

    assert link.is_symlink()
    assert len(KeyFile(path, "K").current) == 2


def test_what_a_killed_process_left_is_no_obstacle_and_does_not_stay(
    path: Path, keys: KeyFile
) -> None:
    path.with_name("key.new").write_text("half a k")

    with keys.taken():
        keys.begin()

    assert len(keys.current) == 2
    assert names_in(path.parent) == {"key"}


def test_one_that_cannot_be_replaced_is_for_its_owner_to_change(path: Path, keys: KeyFile) -> None:
    path.with_name("key.new").mkdir()  # which root cannot write over, either

    with keys.taken(), pytest.raises(SecretKeyFault) as refused:
        keys.begin()
    path.write_text(BOTH)
    with keys.taken():
        keys.begin()
        assert not keys.finish()

    assert str(refused.value) == (
        "K cannot be replaced: Is a directory; put a new key and a comma in front of the one "
        "in it yourself, and do this again; `openssl rand -base64 32` makes one"
    )
    assert path.read_text() == BOTH


def test_one_given_key_is_for_its_owner_to_change() -> None:
    with pytest.raises(SecretKeyFault) as refused:
        GivenKeys(SECRET_KEY, "K").begin()

    assert str(refused.value) == (
        "K holds one key: set it to a new key, a comma and the present one, restart every server "
        "with that, and do this again; `openssl rand -base64 32` makes one"
    )
