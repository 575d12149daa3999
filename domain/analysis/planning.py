"""How many users a test takes, and what a number of users can find (docs/statistics.md)."""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import ndtr

from domain.analysis.expectations import Errors, Expectation
from domain.analysis.margins import harm_bound
from domain.checks import Checks
from domain.design import MAX_VARIANTS
from domain.metrics import MetricDirection

_DAYS_PER_WEEK = 7
_HOURS_PER_DAY = 24.0
_MOST_USERS = 10**15
_MOST_DAYS = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    control: int
    treatment: int


def sample_size(
    expected: Expectation, effect: float, errors: Errors, *, ratio: float = 1.0
) -> Users:
    """`ratio`: users of the treatment for each one of the control."""
    control = _control_users(expected, effect, errors, ratio)
    return Users(control=math.ceil(control), treatment=math.ceil(ratio * control))


def _control_users(
    expected: Expectation, effect: float, errors: Errors, ratio: float = 1.0
) -> float:
    variance = expected.unit_variance() + expected.unit_variance(effect) / ratio
    scores = errors.quantile / effect
    return scores * scores * variance


def power(expected: Expectation, effect: float, users: Users, *, alpha: float = 0.05) -> float:
    critical = Errors(alpha=alpha).critical
    error = _standard_error(expected, effect, users)
    if error == 0.0:
        return 1.0 if effect else 0.0
    score = abs(effect) / error
    return float(ndtr(score - critical) + ndtr(-score - critical))


def minimum_detectable_effect(expected: Expectation, users: Users, errors: Errors) -> float | None:
    """Upwards; None where not even the largest effect there can be is likely to be found."""
    quantile = errors.quantile
    if expected.standard_deviation is not None:
        return quantile * _standard_error(expected, 0.0, users)

    def excess(effect: float) -> float:
        return effect - quantile * _standard_error(expected, effect, users)

    largest = expected.largest_effect
    if excess(largest) < 0.0:
        return None
    return float(brentq(excess, 0.0, largest, xtol=1e-15, rtol=1e-12))


def non_inferiority_size(
    expected: Expectation, margin: float, direction: MetricDirection, errors: Errors
) -> int:
    """Users per arm with whom a treatment that changes nothing passes the margin."""
    bound = harm_bound(expected.scale, direction, margin)
    return math.ceil(errors.quantile**2 * 2.0 * expected.unit_variance() / bound**2)


def always_valid_maximum(users: int, power: float) -> int:
    """The sample up to which a test that is looked at all the time has the power that `users`
    give to one look at the end: 1.7 times as many for 80 %, 1.6 for 90 %."""
    return math.ceil(round((2.5 - power) * users, 6))


def run_time(
    users: int, users_per_day: float, *, coverage: float = 1.0, window_hours: float = 0.0
) -> int:
    """In days, of whole weeks, because weekdays differ."""
    days = math.ceil(users / (users_per_day * coverage)) + window_hours / _HOURS_PER_DAY
    return _DAYS_PER_WEEK * math.ceil(days / _DAYS_PER_WEEK)


def _standard_error(expected: Expectation, effect: float, users: Users) -> float:
    return math.sqrt(
        expected.unit_variance() / users.control + expected.unit_variance(effect) / users.treatment
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSizeInput:
    """Without a standard deviation the metric is a rate; the effect is relative."""

    baseline: float
    minimum_detectable_effect: float
    standard_deviation: float | None = None
    alpha: float = 0.05
    power: float = 0.8
    variants: int = 2
    users_per_day: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSizePlan:
    users_per_variant: int
    users_total: int
    days: float | None


def plan(wanted: SampleSizeInput) -> SampleSizePlan:
    """With equal shares, for every treatment against the control."""
    checks = Checks()
    _check(checks, wanted)
    checks.done()
    needed = _needed(wanted)
    _check_reach(checks, needed, wanted)
    checks.done()
    users = math.ceil(needed)
    total = users * wanted.variants
    days = None if wanted.users_per_day is None else float(run_time(total, wanted.users_per_day))
    return SampleSizePlan(users_per_variant=users, users_total=total, days=days)


def _needed(wanted: SampleSizeInput) -> float:
    expected = Expectation(baseline=wanted.baseline, standard_deviation=wanted.standard_deviation)
    errors = Errors(alpha=wanted.alpha / (wanted.variants - 1), power=wanted.power)
    return _control_users(expected, math.log1p(wanted.minimum_detectable_effect), errors)


def _check(checks: Checks, wanted: SampleSizeInput) -> None:
    is_rate = wanted.standard_deviation is None
    checks.inside(("baseline",), wanted.baseline, 0, 1 if is_rate else math.inf)
    checks.inside(("standard_deviation",), wanted.standard_deviation, 0, math.inf)
    checks.inside(("alpha",), wanted.alpha, 0, 1)
    checks.inside(("power",), wanted.power, wanted.alpha if 0 < wanted.alpha < 1 else 0, 1)
    checks.number(("variants",), wanted.variants, 2, MAX_VARIANTS)
    checks.inside(("users_per_day",), wanted.users_per_day, 0, math.inf)
    _check_effect(checks, wanted, is_rate)


def _check_effect(checks: Checks, wanted: SampleSizeInput, is_rate: bool) -> None:
    path, effect = ("minimum_detectable_effect",), wanted.minimum_detectable_effect
    checks.inside(path, effect, -1, math.inf)
    if effect == 0:
        checks.refuse(path, "must not be 0: no number of users finds it")
    elif is_rate and 0 < wanted.baseline < 1 <= wanted.baseline * (1 + effect) < math.inf:
        checks.refuse(
            path, f"takes a rate of {wanted.baseline:.9g} to 1 or more: give 0.05 for 5 %"
        )


def _check_reach(checks: Checks, needed: float, wanted: SampleSizeInput) -> None:
    if not needed <= _MOST_USERS:
        checks.refuse(
            ("minimum_detectable_effect",), "is too small: it takes more than 10^15 users"
        )
    elif wanted.users_per_day and needed * wanted.variants / wanted.users_per_day > _MOST_DAYS:
        checks.refuse(("users_per_day",), "is so small that the test would never end")
