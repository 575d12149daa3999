"""Posteriors of all arms on one even grid, for live numbers: on smooth bumps that vanish at both
ends, the trapezoidal rule is exact to some 12 digits with a few nodes for each standard deviation.

Rates stand on the grid as log odds. Arms too far apart for a grid go to the panels of quadrature.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincc, betaln, expit, log_expit, ndtr, psi, zeta

from domain.analysis import beta_binomial, normal_effect, quadrature
from domain.analysis.beta_binomial import Posterior
from domain.analysis.normal_effect import Normal
from domain.analysis.quadrature import Curves, Floats
from domain.metrics import MetricDirection

_NODES_PER_DEVIATION = 3.0
_LARGEST_STEP = 0.35  # of log odds, whose density has poles at ±iπ
_DEVIATIONS = 8.0
_TAIL = 30.0  # e^-30 is left out where a beta falls off exponentially
_MOST_NODES = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """In the order of the arms."""

    chances_to_be_best: tuple[float, ...]
    expected_losses: tuple[float, ...]


def rank_rates(posteriors: Sequence[Posterior], direction: MetricDirection) -> Ranking:
    curves = _rate_curves(posteriors)
    if curves is not None:
        return _ranking(curves, direction)
    return Ranking(
        chances_to_be_best=beta_binomial.chances_to_be_best(posteriors, direction),
        expected_losses=beta_binomial.expected_losses(posteriors, direction),
    )


def rank_means(arms: Sequence[Normal], direction: MetricDirection) -> Ranking:
    curves = _mean_curves(arms)
    if curves is not None:
        return _ranking(curves, direction)
    with np.errstate(over="ignore"):  # infinitely many deviations away is far enough
        return Ranking(
            chances_to_be_best=normal_effect.chances_to_be_best(arms, direction),
            expected_losses=normal_effect.expected_losses(arms, direction),
        )


def _ranking(curves: Curves, direction: MetricDirection) -> Ranking:
    return Ranking(
        chances_to_be_best=quadrature.chances_to_be_best(curves, direction),
        expected_losses=quadrature.expected_losses(curves, direction),
    )


def _rate_curves(posteriors: Sequence[Posterior]) -> Curves | None:
    """None where the arms are too far apart."""
    a, b = np.array([(each.a, each.b) for each in posteriors]).T[:, :, None]
    centre, spread = psi(a) - psi(b), np.sqrt(zeta(2, a) + zeta(2, b))
    reach = _DEVIATIONS * spread
    nodes = _nodes(centre - reach - _TAIL / a, centre + reach + _TAIL / b, spread)
    if nodes is None:
        return None
    x, other = expit(nodes), expit(-nodes)
    log_density = (a - 1) * log_expit(nodes) + (b - 1) * log_expit(-nodes) - betaln(a, b)
    low = int(np.searchsorted(nodes, 0.0))
    below = np.hstack([betainc(a, b, x[:low]), betaincc(b, a, other[low:])])
    return _curves((nodes[1] - nodes[0]) * x * other, np.exp(log_density), below)


def _mean_curves(arms: Sequence[Normal]) -> Curves | None:
    """None where the arms are too far apart."""
    means, deviations = np.array([(arm.mean, arm.sd) for arm in arms]).T[:, :, None]
    reach = _DEVIATIONS * deviations
    nodes = _nodes(means - reach, means + reach, deviations)
    if nodes is None:
        return None
    z = (nodes - means) / deviations
    density = np.exp(-z * z / 2) / (deviations * np.sqrt(2 * np.pi))
    return _curves(np.full_like(nodes, nodes[1] - nodes[0]), density, ndtr(z))


def _nodes(low: Floats, high: Floats, spread: Floats) -> Floats | None:
    step = min(_LARGEST_STEP, float(spread.min()) / _NODES_PER_DEVIATION)
    count = (float(high.max()) - float(low.min())) / step
    return None if count > _MOST_NODES else np.linspace(low.min(), high.max(), int(count) + 2)


def _curves(weights: Floats, density: Floats, below: Floats) -> Curves:
    """Scaled to 1, because the logarithm of a density of millions of users has lost digits."""
    density = density / (density @ weights)[:, None]
    return Curves(weights=weights, density=density, below=below, above=1.0 - below)
