"""A new secret key takes the place of the old one, and no value is lost on the way."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import asyncpg
import pytest

from domain.sealing import Unsealable
from persistence.engine import Database
from persistence.key_file import KeyFile
from persistence.rotation import BATCH, Rotation
from persistence.secret_keys import GivenKeys, Rotating, SecretKeyFault
from tests.persistence.contents import everything
from tests.persistence.sealed import key_file, opened, put, put_states, seals, state_box
from tests.persistence.servers import ask, names_in
from tests.secret import OTHER_KEY, SECRET_KEY

BOTH = f"{OTHER_KEY},{SECRET_KEY}"


def rotation(database: Database, keys: Rotating) -> Rotation:
    return Rotation(database, keys, noticed=0.0)


BEATEN_TWICE = """
CREATE SEQUENCE turn;
CREATE FUNCTION beat() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('turn') <= 2 THEN RETURN NULL; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER beat BEFORE UPDATE ON ab_variants FOR EACH ROW EXECUTE FUNCTION beat();
"""


async def done(rotation: Rotation) -> list[tuple[int, int]]:
    return [step async for step in rotation.run()]


async def all_current(url: str, keys: KeyFile) -> bool:
    return all(state_box(keys).is_current(sealed) for sealed in (await seals(url)).values())


@pytest.fixture
def keys(tmp_path: Path) -> KeyFile:
    return key_file(tmp_path / "key", SECRET_KEY)


async def test_every_value_is_under_a_new_key_and_the_old_one_is_gone(
    database: Database, database_url: str, keys: KeyFile, tmp_path: Path
) -> None:
    plain = await put_states(database_url, keys)

    turned = rotation(database, keys)
    assert await done(turned) == [(0, 3), (3, 3)]

    [new] = key_file(tmp_path / "key").current
    assert (turned.sealed, turned.lost, turned.is_old_key_gone) == (3, [], True)
    assert new.id != GivenKeys(SECRET_KEY, "K").current[0].id
    assert await opened(database_url, key_file(tmp_path / "key")) == plain
    with pytest.raises(Unsealable, match="unknown_key"):
        await opened(database_url, SECRET_KEY)


async def test_nothing_but_the_sealed_values_changes(
    database: Database, database_url: str, keys: KeyFile
) -> None:
    await put_states(database_url, keys)
    rows = "SELECT array_agg(to_jsonb(v) - 'algorithm_state' ORDER BY id)::text FROM ab_variants v"
    before = await everything(database_url, besides="ab_variants"), await ask(database_url, rows)

    await done(rotation(database, keys))

    after = await everything(database_url, besides="ab_variants"), await ask(database_url, rows)
    assert after == before


async def test_progress_is_told_batch_by_batch(
    database: Database, database_url: str, keys: KeyFile
) -> None:
    plain = await put_states(database_url, keys, BATCH + 1)

    assert await done(rotation(database, keys)) == [
        (0, BATCH + 1),
        (BATCH, BATCH + 1),
        (BATCH + 1, BATCH + 1),
    ]

    assert await opened(database_url, keys) == plain


async def test_where_nothing_is_sealed_yet_the_key_is_new_all_the_same(
    database: Database, keys: KeyFile
) -> None:
    [old] = keys.current

    assert await done(rotation(database, keys)) == [(0, 0)]

    [new] = keys.current
    assert new != old


async def test_keys_that_were_given_are_not_changed_but_used(
    database: Database, database_url: str
) -> None:
    plain = await put_states(database_url, SECRET_KEY)

    turned = rotation(database, GivenKeys(BOTH, "K"))
    await done(turned)

    assert (turned.sealed, turned.lost, turned.is_old_key_gone) == (3, [], False)
    assert await opened(database_url, OTHER_KEY) == plain


async def test_with_one_given_key_nothing_is_done(database: Database, database_url: str) -> None:
    await put_states(database_url, SECRET_KEY)
    before = await seals(database_url)

    with pytest.raises(SecretKeyFault, match=r"^K holds one key: set it to a new key"):
        await done(rotation(database, GivenKeys(SECRET_KEY, "K")))

    assert await seals(database_url) == before


async def test_what_no_key_opens_is_named_and_keeps_the_old_key(
    database: Database, database_url: str, keys: KeyFile
) -> None:
    good, tampered, foreign = await put_states(database_url, keys)
    broken = (await seals(database_url))[tampered][:-1] + b"\0\0"
    strange = state_box(OTHER_KEY).seal(b"state", foreign)
    await put(database_url, {tampered: broken, foreign: strange})

    turned = rotation(database, keys)
    await done(turned)

    after = await seals(database_url)
    assert (turned.sealed, turned.is_old_key_gone) == (1, False)
    assert sorted(turned.lost) == sorted([tampered, foreign])
    assert (after[tampered], after[foreign]) == (broken, strange)
    assert state_box(keys).is_current(after[good])
    assert len(keys.current) == 2


async def test_with_the_missing_key_at_the_end_the_rest_is_done(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    plain = await put_states(database_url, OTHER_KEY)
    first = rotation(database, key_file(tmp_path / "key", SECRET_KEY))
    await done(first)
    text = (tmp_path / "key").read_text().strip()

    second = rotation(database, key_file(tmp_path / "key", f"{text},{OTHER_KEY}"))
    await done(second)

    assert (len(first.lost), second.lost, second.is_old_key_gone) == (3, [], True)
    assert (tmp_path / "key").read_text().strip() == text.partition(",")[0]
    assert await opened(database_url, key_file(tmp_path / "key")) == plain


@pytest.mark.parametrize("steps", range(4))
async def test_ended_after_any_step_it_can_be_done_again(
    database: Database, database_url: str, keys: KeyFile, tmp_path: Path, steps: int
) -> None:
    plain = await put_states(database_url, keys, BATCH + 1)

    async with aclosing(rotation(database, keys).run()) as running:
        for _ in range(steps):
            await anext(running)
    assert await opened(database_url, key_file(tmp_path / "key")) == plain
    begun = (tmp_path / "key").read_text().split(",")
    await done(rotation(database, key_file(tmp_path / "key")))

    assert len(begun) == (2 if steps else 1)
    assert (tmp_path / "key").read_text().strip() != SECRET_KEY
    assert len(keys.current) == 1
    assert await opened(database_url, key_file(tmp_path / "key")) == plain
    assert names_in(tmp_path) == {"key"}


async def test_cancelled_while_it_waits_it_can_be_done_again(
    database: Database, database_url: str, keys: KeyFile
) -> None:
    plain = await put_states(database_url, keys)
    waiting = asyncio.create_task(done(Rotation(database, keys, noticed=60.0)))
    async with asyncio.timeout(10):
        while not await all_current(database_url, keys):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)

    waiting.cancel()
    await asyncio.wait([waiting])
    begun = keys.current
    await done(rotation(database, keys))

    assert (len(begun), keys.current) == (2, begun[:1])
    assert await opened(database_url, keys) == plain


async def test_what_was_sealed_before_and_written_late_is_found(
    database: Database, database_url: str, keys: KeyFile
) -> None:
    plain = await put_states(database_url, keys)
    variant = next(iter(plain))
    late = {variant: state_box(keys).seal(b"late", variant)}

    running = rotation(database, keys)
    async for seen, _ in running.run():
        if seen:
            await put(database_url, late)

    assert (running.sealed, running.is_old_key_gone) == (4, True)
    assert await opened(database_url, keys) == plain | {variant: b"late"}


async def test_who_is_beaten_to_a_row_comes_back_for_it(
    database: Database, database_url: str, keys: KeyFile
) -> None:
    plain = await put_states(database_url, keys, 1)
    async with database.at_leisure() as connection:
        await connection.execute(BEATEN_TWICE)

    turned = rotation(database, keys)
    await done(turned)

    assert (turned.sealed, turned.is_old_key_gone) == (1, True)
    assert await opened(database_url, keys) == plain


async def test_servers_that_go_on_sealing_lose_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    """Each counts in the sealed value itself: one write over a newer one would be missing."""
    path, over = tmp_path / "key", asyncio.Event()
    plain = await put_states(database_url, key_file(path, SECRET_KEY))
    await put(database_url, {each: state_box(key_file(path)).seal(b"0", each) for each in plain})
    servers = [asyncio.create_task(_counted(database_url, key_file(path), over)) for _ in range(3)]

    for _ in range(3):
        await done(Rotation(database, key_file(path), noticed=0.5))
    over.set()
    counts = await asyncio.gather(*servers)

    assert min(counts) > 0
    assert len(key_file(path).current) == 1
    counted = await opened(database_url, key_file(path))
    assert sum(int(each) for each in counted.values()) == sum(counts)


async def test_a_second_rotation_is_refused_meanwhile(
    database: Database, keys: KeyFile, tmp_path: Path
) -> None:
    async with aclosing(rotation(database, keys).run()) as running:
        await anext(running)
        with pytest.raises(SecretKeyFault, match=r"^K is being changed by another"):
            await done(rotation(database, key_file(tmp_path / "key")))


async def _counted(url: str, keys: KeyFile, over: asyncio.Event) -> int:
    """As a server does: read, open, count, seal, write where nobody has written meanwhile."""
    box, done = state_box(keys), 0
    swap = "UPDATE ab_variants SET algorithm_state = $3 WHERE id = $1 AND algorithm_state = $2"
    connection = await asyncpg.connect(url)
    try:
        while not over.is_set():
            for variant, sealed in (await seals(url)).items():
                count = int(box.open(sealed, variant)) + 1
                anew = box.seal(str(count).encode(), variant)
                done += await connection.execute(swap, variant, sealed, anew) == "UPDATE 1"
    finally:
        await connection.close()
    return done
