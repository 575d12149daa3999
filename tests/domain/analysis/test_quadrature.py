import numpy as np
import pytest

from domain.analysis.quadrature import (
    Curves,
    chances_to_be_best,
    expected_losses,
    panels,
)
from domain.metrics import MetricDirection

INCREASE, DECREASE = MetricDirection


def test_a_polynomial_is_integrated_exactly_whatever_the_order_of_the_edges() -> None:
    nodes, weights = panels(np.array([2.0, 0.0, 0.5]))

    assert len(nodes) == 128
    assert float((nodes**9) @ weights) == pytest.approx(102.4, rel=1e-14)


def test_edges_that_coincide_make_no_panel() -> None:
    nodes, weights = panels(np.array([[1.0, 0.0], [1.0, 0.0]]))

    assert len(nodes) == 64
    assert weights.sum() == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("arms", [1, 2, 3, 7])
def test_arms_spread_evenly_over_the_line_are_equally_good(arms: int) -> None:
    even = _even(arms)
    behind_the_best = arms / (arms + 1) - 1 / 2

    for direction in MetricDirection:
        assert chances_to_be_best(even, direction) == pytest.approx([1 / arms] * arms, abs=1e-15)
        assert expected_losses(even, direction) == pytest.approx(
            [behind_the_best] * arms, abs=1e-15
        )


def test_where_less_is_better_the_line_is_read_the_other_way_round() -> None:
    one, other = _even(1), _rising()
    both = Curves(
        weights=one.weights,
        density=np.vstack([one.density, other.density]),
        below=np.vstack([one.below, other.below]),
        above=np.vstack([one.above, other.above]),
    )

    assert chances_to_be_best(both, INCREASE) == pytest.approx([1 / 3, 2 / 3], abs=1e-15)
    assert chances_to_be_best(both, DECREASE) == pytest.approx([2 / 3, 1 / 3], abs=1e-15)
    assert expected_losses(both, INCREASE) == pytest.approx([1 / 4, 1 / 12], abs=1e-15)
    assert expected_losses(both, DECREASE) == pytest.approx([1 / 12, 1 / 4], abs=1e-15)


def _even(arms: int) -> Curves:
    nodes, weights = panels(np.array([0.0, 1.0]))
    below = np.tile(nodes, (arms, 1))
    return Curves(weights=weights, density=np.ones_like(below), below=below, above=1 - below)


def _rising() -> Curves:
    """With the density 2x."""
    nodes, weights = panels(np.array([0.0, 1.0]))
    below = nodes[None, :] ** 2
    return Curves(weights=weights, density=2 * nodes[None, :], below=below, above=1 - below)
