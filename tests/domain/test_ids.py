import sys
import time
from uuid import RFC_4122, UUID

import anyio

from domain.ids import new_id

MAKE_IDS_IN_TWO_PROCESSES = """
import os
from domain.ids import new_id
new_id()
child = os.fork()
os.write(1, "".join(f"{new_id()} " for _ in range(100)).encode())
if child:
    os.waitpid(child, 0)
"""


def test_an_id_is_a_uuid_of_version_7() -> None:
    made = new_id()

    assert (made.version, made.variant) == (7, RFC_4122)


def test_an_id_tells_the_millisecond_in_which_it_was_made() -> None:
    before = time.time_ns() // 1_000_000

    made = new_id()

    assert before <= _millisecond(made) <= time.time_ns() // 1_000_000


def test_a_hundred_thousand_ids_differ_and_grow_with_the_clock() -> None:
    ids = [new_id() for _ in range(100_000)]

    assert len(set(ids)) == 100_000
    assert len({_random(made) for made in ids}) == 100_000
    assert ids == sorted(ids, key=_millisecond)


def test_ids_of_one_millisecond_grow_too() -> None:
    ids = []
    for _ in range(1000):
        ids.append(new_id())
        time.sleep(1e-6)

    assert ids == sorted(ids)


async def test_a_forked_process_makes_ids_of_its_own() -> None:
    both = await anyio.run_process([sys.executable, "-c", MAKE_IDS_IN_TWO_PROCESSES])

    ids = [UUID(text) for text in both.stdout.decode().split()]
    assert len(ids) == 200
    assert len({_random(made) for made in ids}) == 200


def _millisecond(made: UUID) -> int:
    return made.int >> 80


def _random(made: UUID) -> int:
    return made.int & (1 << 62) - 1
