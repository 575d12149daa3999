from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from domain.errors import BadRequest
from domain.paging import (
    DEFAULT_SIZE,
    MAX_SIZE,
    NEVER,
    Cursor,
    Key,
    Ordering,
    Page,
    Window,
    page,
    parse_cursor,
    window,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEWEST = Ordering("at")
OLDEST = Ordering("at", descending=False)
BY_NAME = Ordering("name", descending=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    id: UUID
    at: datetime | None = NOON
    name: str = ""


def items(*numbers: int) -> list[Item]:
    return [Item(id=UUID(int=number)) for number in numbers]


def place(item: Item, ordering: Ordering) -> tuple[Key, UUID]:
    cursor = ordering.cursor(item)
    return cursor.key, cursor.id


def ordered(rows: Sequence[Item], ordering: Ordering) -> list[Item]:
    return sorted(rows, key=lambda item: place(item, ordering), reverse=ordering.descending)


def read(rows: Sequence[Item], window: Window) -> Page[Item]:
    """What a store does, without a store."""
    found = ordered(rows, window.ordering)
    names = [place(item, window.ordering) for item in found]
    start = names.index((window.after.key, window.after.id)) + 1 if window.after else 0
    end = names.index((window.before.key, window.before.id)) if window.before else len(found)
    part = found[start:end]
    return page(
        part[::-1][: window.size + 1] if window.backwards else part[: window.size + 1], window
    )


def walked_forwards(rows: Sequence[Item], ordering: Ordering, first: int) -> list[Item]:
    seen: list[Item] = []
    after: str | None = None
    while True:
        part = read(rows, window(ordering, first=first, after=after))
        seen += part.items
        assert part.has_previous is (after is not None)
        if not part.has_next:
            return seen
        after = str(part.cursor(part.items[-1]))


def walked_backwards(rows: Sequence[Item], ordering: Ordering, last: int) -> list[Item]:
    seen: list[Item] = []
    before: str | None = None
    while True:
        part = read(rows, window(ordering, last=last, before=before))
        seen = [*part.items, *seen]
        assert part.has_next is (before is not None)
        if not part.has_previous:
            return seen
        before = str(part.cursor(part.items[0]))


@pytest.mark.parametrize("ordering", [NEWEST, OLDEST, BY_NAME])
@pytest.mark.parametrize("seed", range(20))
def test_walking_either_way_gives_the_sorted_list(ordering: Ordering, seed: int) -> None:
    random = Random(seed)  # noqa: S311  the same lists in every run
    times = [None, *(NOON + timedelta(hours=hour) for hour in range(3))]
    rows = [
        Item(
            id=UUID(int=random.getrandbits(128)), at=random.choice(times), name=random.choice("abé")
        )
        for _ in range(random.randrange(30))
    ]
    size = random.randint(1, 7)

    assert walked_forwards(rows, ordering, size) == ordered(rows, ordering)
    assert walked_backwards(rows, ordering, size) == ordered(rows, ordering)


def test_a_window_has_a_size_of_its_own() -> None:
    assert window(NEWEST) == Window(size=DEFAULT_SIZE, ordering=NEWEST)
    assert window(NEWEST, first=MAX_SIZE).size == MAX_SIZE
    assert window(NEWEST, last=0) == Window(size=0, backwards=True, ordering=NEWEST)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"first": 1, "last": 1}, "give first or last, not both"),
        ({"first": -1}, "first is -1: it may be 0 to 100"),
        ({"last": 101}, "last is 101: it may be 0 to 100"),
        ({"first": 10**9}, "first is 1000000000: it may be 0 to 100"),
    ],
)
def test_a_window_out_of_bounds_is_refused(sizes: dict[str, int], words: str) -> None:
    with pytest.raises(BadRequest, match=f"^{words}$"):
        window(NEWEST, first=sizes.get("first"), last=sizes.get("last"))


def test_the_row_too_many_tells_of_a_next_page_and_is_not_shown() -> None:
    part = page(items(3, 2, 1), window(NEWEST, first=2))

    assert part.items == items(3, 2)
    assert (part.has_next, part.has_previous) == (True, False)


def test_a_page_read_backwards_is_shown_in_the_order_of_the_list() -> None:
    part = page(items(1, 2, 3), window(NEWEST, last=2))

    assert part.items == items(2, 1)
    assert (part.has_next, part.has_previous) == (False, True)


def test_a_page_of_nothing_can_tell_whether_there_is_something() -> None:
    assert page(items(1), window(NEWEST, first=0)).has_next
    assert page(items(), window(NEWEST, first=0)) == Page(items=[], window=window(NEWEST, first=0))


@pytest.mark.parametrize(
    ("ordering", "item"),
    [
        (NEWEST, Item(id=UUID(int=7), at=NOON + timedelta(microseconds=1))),
        (BY_NAME, Item(id=UUID(int=7), name='Ünï "quoted" \\ 🎉')),
    ],
)
def test_a_cursor_survives_being_text(ordering: Ordering, item: Item) -> None:
    cursor = ordering.cursor(item)

    assert parse_cursor(str(cursor), ordering) == cursor


def test_what_has_not_begun_comes_last_in_the_order_of_time() -> None:
    waiting, begun = Item(id=UUID(int=1), at=None), Item(id=UUID(int=2))

    assert OLDEST.cursor(waiting) == Cursor("at+", NEVER, waiting.id)
    assert ordered([waiting, begun], OLDEST) == [begun, waiting]
    assert ordered([begun, waiting], NEWEST) == [waiting, begun]


def test_a_cursor_of_another_order_is_refused() -> None:
    cursor = str(NEWEST.cursor(Item(id=UUID(int=1))))

    for ordering in (OLDEST, BY_NAME):
        with pytest.raises(BadRequest, match="belongs to a list in another order"):
            parse_cursor(cursor, ordering)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "é🎉",
        "\ud800",
        *(
            urlsafe_b64encode(document.encode()).decode()
            for document in (
                "null",
                "5",
                "[]",
                '["at-","t","yesterday","00000000000000000000000000000001"]',
                '["at-","t","2026-11-20T12:00:00+00:00","1"]',
                '["at-","t","2026-11-20T12:00:00+00:00"]',
                '{"at-":1}',
            )
        ),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="malformed"):
        parse_cursor(text, NEWEST)
