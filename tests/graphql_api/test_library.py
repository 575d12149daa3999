"""Documents that were right once are read and checked no second time; there is room for so many."""

from graphql_api.bounds import Bounds
from graphql_api.library import Library, Shelf
from graphql_api.schema import schema

SCHEMA = schema._schema  # noqa: SLF001  it has no other name


def checked(library: Library, text: str) -> None:
    library.checked(SCHEMA, text, library.document(text))


def test_a_document_that_is_right_is_kept_with_its_weight() -> None:
    library = Library(Bounds(), is_open=True)

    checked(library, "query a { viewer { scopes } } query b { __typename }")

    entry = library.known("query a { viewer { scopes } } query b { __typename }")
    assert entry is not None
    assert [entry.weight(name).price({}) for name in ("a", "b")] == [2, 1]


def test_a_kept_document_is_not_read_again() -> None:
    library = Library(Bounds(), is_open=True)
    checked(library, "{ __typename }")

    first, again = library.document("{ __typename }"), library.document("{ __typename }")

    assert first is again


def test_what_is_wrong_is_not_kept() -> None:
    library = Library(Bounds(max_depth=1), is_open=True)

    checked(library, "{ nothing }")
    checked(library, "{ viewer { scopes } }")

    assert library.known("{ nothing }") is None
    assert library.known("{ viewer { scopes } }") is None


def test_of_a_thousand_and_one_documents_the_one_used_longest_ago_is_forgotten() -> None:
    library = Library(Bounds(), is_open=True)
    checked(library, "{ used: __typename }")
    checked(library, "{ unused: __typename }")

    for number in range(999):
        checked(library, f"{{ a{number}: __typename }}")
        assert library.known("{ used: __typename }") is not None

    assert library.known("{ unused: __typename }") is None


def test_a_long_document_is_answered_and_not_kept() -> None:
    library = Library(Bounds(), is_open=True)
    long = "{ __typename }".ljust(10_001)

    entry, faults = library.checked(SCHEMA, long, library.document(long))

    assert entry is not None
    assert faults == ()
    assert library.known(long) is None


def test_a_shelf_has_room_for_so_many_characters() -> None:
    shelf: Shelf[str] = Shelf(entries=10, characters=100)

    for name in "abc":
        shelf.put(name, name.upper(), 40)

    assert [shelf.get(name) for name in "abc"] == [None, "B", "C"]


def test_what_is_put_again_takes_its_room_once() -> None:
    shelf: Shelf[str] = Shelf(entries=10, characters=100)

    for size in (60, 70, 50):
        shelf.put("a", f"of {size}", size)
    shelf.put("b", "of 50", 50)

    assert (shelf.get("a"), shelf.get("b")) == ("of 50", "of 50")


def test_what_is_larger_than_the_shelf_leaves_it_empty_and_usable() -> None:
    shelf: Shelf[str] = Shelf(entries=10, characters=100)

    shelf.put("a", "A", 101)
    shelf.put("b", "B", 100)

    assert (shelf.get("a"), shelf.get("b")) == (None, "B")
