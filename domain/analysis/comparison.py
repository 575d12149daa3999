"""One treatment against control: the two arms, the effect, and what a single look says of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, log_ndtr, stdtr, stdtrit

from domain.analysis.intervals import Interval
from domain.analysis.notes import ResultNote
from domain.analysis.sums import Sums, merged, sample
from domain.metrics import EffectScale, MetricAggregation

MIN_STRATUM = 50  # users of a phase in either arm
MIN_CONVERSIONS = 25  # and as many non-conversions
MIN_USERS = 100
MIN_PRECISION, GOOD_PRECISION = 5.0, 10.0  # of the mean over its standard error
LARGEST_LOG = 709.0  # exp of more is no float
SMALLEST_P = 1e-300  # below it floats lose digits

Numbers = TypeVar("Numbers", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    n: int
    total: float  # of BINARY the conversions
    mean: float
    u: float  # the squared standard error of the mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """The two arms while the weights stood still."""

    control: Sums
    treatment: Sums
    control_weight: float
    treatment_weight: float

    @property
    def users(self) -> int:
        return self.control.users + self.treatment.users


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    control: Arm | None
    treatment: Arm | None
    without_users: bool = False
    left_out: tuple[int, ...] = ()  # positions of phases that had too few users to be compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """RELATIVE: the logarithm of treatment over control; ABSOLUTE: their difference."""

    scale: EffectScale
    estimate: float
    error: float
    degrees: float

    @property
    def z(self) -> float:
        return self.estimate / self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    interval: Interval  # on the scale of the estimate
    p: float
    log_p: float  # where p is too small for a float


def arm(sums: Sums, aggregation: MetricAggregation) -> Arm | None:
    held = sample(sums, aggregation)
    if held is None:
        return None
    return Arm(n=held.n, total=float(sums.total), mean=held.mean, u=held.variance / held.n)


def paired(phases: Sequence[Phase], aggregation: MetricAggregation) -> Pair:
    """Merged where the arms shared the traffic in one ratio; else stratified, for a merged mean
    would mix the effect with time."""
    control = merged(phase.control for phase in phases)
    treatment = merged(phase.treatment for phase in phases)
    if min(control.users, treatment.users) <= 0:
        return Pair(control=None, treatment=None, without_users=True)
    if _one_ratio(phases):
        return Pair(control=arm(control, aggregation), treatment=arm(treatment, aggregation))
    return _stratified(phases, aggregation)


def gate(pair: Pair, aggregation: MetricAggregation, scale: EffectScale) -> ResultNote | None:
    """Why the pair cannot be compared yet; where None, effect() has an estimate."""
    if pair.without_users:
        return ResultNote.NO_USERS
    if pair.control is None or pair.treatment is None:
        return ResultNote.TOO_FEW_OBSERVATIONS
    arms = (pair.control, pair.treatment)
    if not all(_observed(each, aggregation, scale) for each in arms):
        return ResultNote.TOO_FEW_OBSERVATIONS
    if scale is EffectScale.RELATIVE and any(each.mean <= 0 for each in arms):
        return ResultNote.BASELINE_NOT_POSITIVE
    if all(each.u <= 0 for each in arms):
        return ResultNote.ZERO_VARIANCE
    precise = aggregation is MetricAggregation.BINARY or _precise(arms, scale, MIN_PRECISION)
    return None if precise else ResultNote.TOO_FEW_OBSERVATIONS


def caution(pair: Pair, aggregation: MetricAggregation, scale: EffectScale) -> ResultNote | None:
    """LOW_PRECISION where heavy tails could still raise the error rates; not for rates."""
    if pair.control is None or pair.treatment is None or aggregation is MetricAggregation.BINARY:
        return None
    precise = _precise((pair.control, pair.treatment), scale, GOOD_PRECISION)
    return None if precise else ResultNote.LOW_PRECISION


def effect(pair: Pair, scale: EffectScale) -> Estimate | None:
    if pair.control is None or pair.treatment is None:
        return None
    match scale:
        case EffectScale.ABSOLUTE:
            return welch(pair.control, pair.treatment)
        case EffectScale.RELATIVE:
            return log_ratio(pair.control, pair.treatment)
        case _:
            assert_never(scale)


def welch(control: Arm, treatment: Arm) -> Estimate | None:
    spread = _degrees(control, treatment, control.u, treatment.u)
    if spread is None:
        return None
    theta, error = difference(control.mean, treatment.mean, control.u, treatment.u)
    return Estimate(scale=EffectScale.ABSOLUTE, estimate=theta, error=error, degrees=spread)


def log_ratio(control: Arm, treatment: Arm) -> Estimate | None:
    """None unless both means are positive."""
    if min(control.mean, treatment.mean) <= 0:
        return None
    relative = control.u / control.mean**2, treatment.u / treatment.mean**2
    spread = _degrees(control, treatment, *relative)
    if spread is None:
        return None
    theta, error = log_difference(control.mean, treatment.mean, control.u, treatment.u)
    return Estimate(scale=EffectScale.RELATIVE, estimate=float(theta), error=error, degrees=spread)


def difference(
    control: Numbers, treatment: Numbers, control_u: Numbers, treatment_u: Numbers
) -> tuple[Numbers, Numbers]:
    """The effect and its standard error."""
    error: Numbers = (control_u + treatment_u) ** 0.5
    return treatment - control, error


def log_difference(
    control: Numbers, treatment: Numbers, control_u: Numbers, treatment_u: Numbers
) -> tuple[Numbers, Numbers]:
    theta: Numbers = np.log(treatment / control)
    error: Numbers = (control_u / control**2 + treatment_u / treatment**2) ** 0.5
    return theta, error


def fixed(estimate: Estimate, alpha: float) -> Inference:
    """Valid for one look, at the planned sample."""
    half = -float(stdtrit(estimate.degrees, alpha / 2)) * estimate.error
    p = 2 * float(stdtr(estimate.degrees, -abs(estimate.z)))
    return Inference(
        interval=around(estimate, half, alpha),
        p=p,
        log_p=math.log(p) if p > SMALLEST_P else _far_tail(abs(estimate.z), estimate.degrees),
    )


def around(estimate: Estimate, half: float, alpha: float) -> Interval:
    return Interval(lower=estimate.estimate - half, upper=estimate.estimate + half, level=1 - alpha)


def lift(log_ratio: float) -> float:
    return math.expm1(min(log_ratio, LARGEST_LOG))


def lift_interval(interval: Interval) -> Interval:
    return Interval(lower=lift(interval.lower), upper=lift(interval.upper), level=interval.level)


def _one_ratio(phases: Sequence[Phase]) -> bool:
    used = [phase for phase in phases if phase.users > 0]
    return all(
        math.isclose(
            phase.treatment_weight * used[0].control_weight,
            phase.control_weight * used[0].treatment_weight,
        )
        for phase in used
    )


def _stratified(phases: Sequence[Phase], aggregation: MetricAggregation) -> Pair:
    strata = [_stratum(phase, aggregation) for phase in phases]
    kept = [stratum for stratum in strata if stratum is not None]
    left_out = tuple(
        position
        for position, phase in enumerate(phases)
        if phase.users > 0 and strata[position] is None
    )
    if not kept:
        return Pair(control=None, treatment=None, left_out=left_out)
    users = [control.n + treatment.n for control, treatment in kept]
    shares = [each / sum(users) for each in users]
    return Pair(
        control=_weighted([control for control, _ in kept], shares),
        treatment=_weighted([treatment for _, treatment in kept], shares),
        left_out=left_out,
    )


def _stratum(phase: Phase, aggregation: MetricAggregation) -> tuple[Arm, Arm] | None:
    control, treatment = arm(phase.control, aggregation), arm(phase.treatment, aggregation)
    if control is None or treatment is None or min(control.n, treatment.n) < MIN_STRATUM:
        return None
    return control, treatment


def _weighted(arms: Sequence[Arm], shares: Sequence[float]) -> Arm:
    weighted = list(zip(shares, arms, strict=True))
    return Arm(
        n=sum(each.n for each in arms),
        total=math.fsum(each.total for each in arms),
        mean=math.fsum(share * each.mean for share, each in weighted),
        u=math.fsum(share * share * each.u for share, each in weighted),
    )


def _observed(arm: Arm, aggregation: MetricAggregation, scale: EffectScale) -> bool:
    if aggregation is not MetricAggregation.BINARY:
        return arm.n >= MIN_USERS
    enough = scale is EffectScale.RELATIVE or arm.n >= MIN_USERS
    return enough and min(arm.total, arm.n - arm.total) >= MIN_CONVERSIONS


def _precise(arms: Sequence[Arm], scale: EffectScale, least: float) -> bool:
    if scale is EffectScale.ABSOLUTE:
        return True
    return all(arm.mean >= least * math.sqrt(arm.u) for arm in arms)


def _degrees(control: Arm, treatment: Arm, control_u: float, treatment_u: float) -> float | None:
    """Welch's degrees of freedom; None where nothing tells the error of the effect."""
    if min(control.n, treatment.n) < 2 or control_u + treatment_u <= 0:
        return None
    share = control_u / (control_u + treatment_u)
    return 1 / (share**2 / (control.n - 1) + (1 - share) ** 2 / (treatment.n - 1))


def _far_tail(t: float, degrees: float) -> float:
    """ln p to 0.001 where p itself is too small for a float."""
    if math.isinf(degrees):
        return math.log(2) + float(log_ndtr(-t))
    half, square = degrees / 2, t * t
    body = -half * math.log1p(square / degrees) - math.log(square / (degrees + square)) / 2
    return body - math.log(half) - float(betaln(half, 0.5))
