"""How often two equal variants are called different, by how often one looks: with p-values made
for one look, and with those that hold at every look.

Tests of a rate of 10 %, up to 20,000 users in each arm; draws docs/calibration.svg.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from click import echo
from numpy.typing import NDArray
from scipy.special import ndtri

from benchmarks._chart import drawn
from domain.analysis.comparison import MIN_CONVERSIONS, log_difference
from domain.analysis.sequential import half_width, rho_squared

ALPHA, RATE, USERS = 0.05, 0.1, 20_000
HORIZON = 10_000.0
LOOKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
BATCH = 500
PICTURE = Path(__file__).parents[1] / "docs" / "calibration.svg"
ONE_LOOK, EVERY_LOOK = "made for one look", "hold at every look"

Floats: TypeAlias = NDArray[np.float64]
Crossings: TypeAlias = NDArray[np.bool_]


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks calibration", description=__doc__)
    parser.add_argument("--json", action="store_true", help="a JSON object as the last line")
    parser.add_argument("--runs", type=int, default=10_000)
    chosen = parser.parse_args(arguments)
    shares = _measured(chosen.runs)
    echo(f"{'looks':>8}{ONE_LOOK:>22}{EVERY_LOOK:>22}")
    for place, looks in enumerate(LOOKS):
        one, every = (100 * shares[name][place] for name in (ONE_LOOK, EVERY_LOOK))
        echo(f"{looks:8}{one:20.1f} %{every:20.1f} %")
    echo(f"{chosen.runs} tests of two equal variants; 5 % is what was allowed")
    lines = {
        f"p-values {ONE_LOOK}": shares[ONE_LOOK],
        f"p-values that {EVERY_LOOK}": shares[EVERY_LOOK],
    }
    PICTURE.write_text(drawn(LOOKS, lines, allowed=ALPHA), encoding="utf-8")
    echo(f"drawn: {PICTURE}")
    if chosen.json:
        echo(json.dumps({"looks": LOOKS, "false_positives": shares}))


def _measured(runs: int) -> Mapping[str, list[float]]:
    generator = np.random.default_rng(2026)
    batches = math.ceil(runs / BATCH)
    found = {ONE_LOOK: np.zeros(len(LOOKS)), EVERY_LOOK: np.zeros(len(LOOKS))}
    for _ in range(batches):
        for name, crossings in _crossings(generator).items():
            found[name] += [_ever(crossings, looks) for looks in LOOKS]
    return {name: [round(share / batches, 4) for share in sums] for name, sums in found.items()}


def _crossings(generator: np.random.Generator) -> Mapping[str, Crossings]:
    """By run and look, at the most looks there are."""
    most = max(LOOKS)
    converted = generator.binomial(USERS // most, RATE, (2, BATCH, most)).cumsum(axis=2)
    users: Floats = USERS / most * np.arange(1, most + 1, dtype=np.float64)
    seen = (np.minimum(converted, users - converted) >= MIN_CONVERSIONS).all(axis=0)
    control, treatment = np.maximum(converted, 1) / users
    theta, error = log_difference(control, treatment, _u(control, users), _u(treatment, users))
    every = half_width(error, 2 * users * rho_squared(ALPHA, HORIZON), ALPHA)
    return {
        ONE_LOOK: seen & (np.abs(theta) > -float(ndtri(ALPHA / 2)) * error),
        EVERY_LOOK: seen & (np.abs(theta) > every),
    }


def _u(rates: Floats, users: Floats) -> Floats:
    squared: Floats = np.maximum(rates * (1 - rates), 1e-12) / users
    return squared


def _ever(crossings: Crossings, looks: int) -> float:
    """At as many looks, evenly spaced, the last of them at the end."""
    step = crossings.shape[1] // looks
    return float(crossings[:, step - 1 :: step].any(axis=1).mean())
