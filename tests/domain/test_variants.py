from dataclasses import fields

from domain.changes import given
from domain.variants import NewVariant, Variant, VariantChanges


def test_a_new_variant_needs_a_name_only() -> None:
    new = NewVariant(name="one-page")

    assert new.traffic_weight is None
    assert new.config_overrides is None
    assert not new.is_control


def test_whatever_a_new_variant_says_a_variant_has() -> None:
    names = {field.name for field in fields(Variant)}

    assert {field.name for field in fields(NewVariant)} <= names
    assert {field.name for field in fields(VariantChanges)} <= names


def test_changes_begin_empty() -> None:
    assert given(VariantChanges()) == {}
