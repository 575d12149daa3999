from dataclasses import fields
from enum import StrEnum

import pytest

from domain.metrics import (
    EffectScale,
    MetricAggregation,
    MetricDefinition,
    MetricDirection,
    MetricRole,
    NewMetricDefinition,
)


def test_a_new_definition_is_secondary_upwards_and_relative() -> None:
    new = NewMetricDefinition(name="orders", event_type="order", aggregation=MetricAggregation.SUM)

    assert new.role is MetricRole.SECONDARY
    assert new.direction is MetricDirection.INCREASE
    assert new.scale is EffectScale.RELATIVE
    assert (new.cap_low, new.cap_high, new.window_hours) == (None, None, None)


def test_a_definition_has_an_owner_and_a_place_beside_what_is_said_of_it() -> None:
    said = {field.name for field in fields(NewMetricDefinition)}

    assert {field.name for field in fields(MetricDefinition)} - said == {
        "id",
        "experiment_id",
        "position",
    }


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (MetricAggregation, ["BINARY", "SUM", "COUNT", "MEAN"]),
        (MetricRole, ["PRIMARY", "SECONDARY", "GUARDRAIL"]),
        (MetricDirection, ["INCREASE", "DECREASE"]),
        (EffectScale, ["RELATIVE", "ABSOLUTE"]),
    ],
)
def test_the_names_are_those_of_the_contract(kind: type[StrEnum], names: list[str]) -> None:
    assert [member.name for member in kind] == names
    assert [member.value for member in kind] == [name.lower() for name in names]
