"""Experiments with running sums, as the store would hand them over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.analysis.evaluation import evaluate
from domain.analysis.observed import ArmSums, Observed
from domain.analysis.results import Comparison, ExperimentResults
from domain.analysis.sums import Sums
from domain.experiments import ExperimentStatus, Phase
from domain.metrics import MetricDefinition
from domain.variants import Variant
from tests.factories import NOON, make_experiment, make_phase, make_variant

SHARES = {"control": 0.5, "clear": 0.5}


def make_sums(users: int, **sums: object) -> Sums:
    return Sums(users=users, **{name: Decimal(str(value)) for name, value in sums.items()})


def make_variants(shares: Mapping[str, float]) -> list[Variant]:
    """The first is the control."""
    return [
        make_variant(name=name, traffic_weight=share, is_control=place == 0, position=place)
        for place, (name, share) in enumerate(shares.items())
    ]


def assigned(
    variant: Variant, users: int, converted: int = 0, value: object = 0, phase: int = 1
) -> ArmSums:
    sums = make_sums(users, events=converted, event_squares=converted, total=value)
    return ArmSums(variant_id=variant.id, phase=phase, metric_id=None, sums=sums)


def measured(variant: Variant, metric: MetricDefinition, sums: Sums, phase: int = 1) -> ArmSums:
    return ArmSums(variant_id=variant.id, phase=phase, metric_id=metric.id, sums=sums)


def make_phases(*shares: Mapping[str, float]) -> list[Phase]:
    return [make_phase(number=number, weights=dict(each)) for number, each in enumerate(shares, 1)]


def make_observed(variants: Sequence[Variant], sums: Sequence[ArmSums], **changes: Any) -> Observed:
    """After two weeks; what is no field of Observed is one of the experiment."""
    own = {field.name for field in fields(Observed)}
    design = {
        "name": "checkout",
        "status": ExperimentStatus.ACTIVE,
        "started_at": NOON - timedelta(days=14),
    } | {name: value for name, value in changes.items() if name not in own}
    shares = {variant.name: variant.traffic_weight for variant in variants if variant.is_active}
    given: dict[str, Any] = {
        "experiment": make_experiment(**design),
        "variants": variants,
        "definitions": [],
        "phases": make_phases(shares),
        "sums": sums,
        "as_of": NOON,
        "revision": 7,
    }
    return Observed(**(given | {name: value for name, value in changes.items() if name in own}))


def results(
    variants: Sequence[Variant], sums: Sequence[ArmSums], **changes: Any
) -> ExperimentResults:
    return evaluate(make_observed(variants, sums, **changes)).results


def conversions(*arms: tuple[int, int], **changes: Any) -> ExperimentResults:
    """Of (converted, users) in each arm, the first being the control, at equal shares."""
    names = ["control", "clear", *(f"other-{place}" for place in range(2, len(arms)))][: len(arms)]
    variants = make_variants({name: 1 / len(arms) for name in names})
    rows = [assigned(each, users, got) for each, (got, users) in zip(variants, arms, strict=True)]
    return results(variants, rows, **changes)


def of_two_arms(
    metric: MetricDefinition, control: Sums, clear: Sums, users: tuple[int, int], **changes: Any
) -> ExperimentResults:
    arms = make_variants(SHARES)
    rows = [
        assigned(arms[0], users[0]),
        assigned(arms[1], users[1]),
        measured(arms[0], metric, control),
        measured(arms[1], metric, clear),
    ]
    return results(arms, rows, definitions=[metric], **changes)


def first_comparison(shown: ExperimentResults) -> Comparison:
    return shown.metrics[0].comparisons[0]


def numbers(value: object) -> Iterator[float]:
    """Every number that is shown."""
    if isinstance(value, int | float):
        yield float(value)
    for inner in _inside(value):
        yield from numbers(inner)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    if is_dataclass(value):
        return [getattr(value, field.name) for field in fields(value)]
    return ()
