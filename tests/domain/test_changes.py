from dataclasses import dataclass
from typing import Any

import pytest

from domain.changes import UNSET, Unset, difference, given, shared


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    name: str
    owner: str | None
    shelves: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopChanges:
    owner: str | Unset | None = UNSET
    shelves: dict[str, Any] | Unset = UNSET


SHOP = Shop(name="Shoes", owner="Ada", shelves={})


def test_fields_left_out_are_not_given() -> None:
    assert given(ShopChanges()) == {}


def test_a_field_that_is_none_is_given() -> None:
    assert given(ShopChanges(owner=None)) == {"owner": None}


def test_only_what_differs_changes() -> None:
    after = Shop(name="Shoes", owner=None, shelves={})

    assert difference(ShopChanges, SHOP, after) == ShopChanges(owner=None)


def test_nothing_differs_between_equals() -> None:
    assert difference(ShopChanges, SHOP, SHOP) == ShopChanges()


def test_fields_unknown_to_the_changes_are_passed_over() -> None:
    after = Shop(name="Boots", owner="Ada", shelves={})

    assert difference(ShopChanges, SHOP, after) == ShopChanges()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"on": 1}, {"on": True}),
        ({"on": 0}, {"on": False}),
        ({"on": 1}, {"on": 1.0}),
        ({"on": [{"deep": True}]}, {"on": [{"deep": 1}]}),
    ],
    ids=["one and true", "zero and false", "integer and float", "nested"],
)
def test_documents_that_only_python_holds_for_equal_differ(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    before = Shop(name="Shoes", owner="Ada", shelves=old)
    after = Shop(name="Shoes", owner="Ada", shelves=new)

    changes = difference(ShopChanges, before, after)

    assert repr(changes.shelves) == repr(new)


def test_the_order_of_keys_is_no_difference() -> None:
    before = Shop(name="Shoes", owner="Ada", shelves={"a": 1, "b": {"c": 2, "d": 3}})
    after = Shop(name="Shoes", owner="Ada", shelves={"b": {"d": 3, "c": 2}, "a": 1})

    assert difference(ShopChanges, before, after) == ShopChanges()


def test_the_order_of_a_list_is_a_difference() -> None:
    before = Shop(name="Shoes", owner="Ada", shelves={"a": [1, 2]})
    after = Shop(name="Shoes", owner="Ada", shelves={"a": [2, 1]})

    assert difference(ShopChanges, before, after) == ShopChanges(shelves={"a": [2, 1]})


def test_shared_fields_come_with_their_values() -> None:
    assert shared(SHOP, ShopChanges) == {"owner": "Ada", "shelves": {}}
