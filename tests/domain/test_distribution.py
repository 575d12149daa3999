from collections import Counter
from functools import cache
from uuid import UUID

import pytest

from domain.bucketing import bucket, owner, ranges
from domain.experiments import HashAlgorithm

USERS = 1_000_000
WEIGHTS = [0.5, 0.3, 0.2]
RANGES = ranges([(UUID(int=place), weight) for place, weight in enumerate(WEIGHTS)], 1.0)
SEEDS = ("exp-1", "exp-2")
CHI_SQUARE_4_AT_0_001 = 18.467  # (3 - 1) * (3 - 1) degrees of freedom

# It hashes the seed last, so that seeds of equal length leave traces of each other.
ENTANGLED = HashAlgorithm.GROWTHBOOK_V1
INDEPENDENT = [algorithm for algorithm in HashAlgorithm if algorithm is not ENTANGLED]


def variant(algorithm: HashAlgorithm, seed: str, user: str) -> int:
    got = owner(RANGES, bucket(algorithm, seed, user))
    assert got is not None
    return got.variant_id.int


@cache
def variants(algorithm: HashAlgorithm, seed: str) -> bytes:
    """Each user's, one byte for each."""
    return bytes(variant(algorithm, seed, f"user-{number}") for number in range(USERS))


def chi_square(first: bytes, second: bytes) -> float:
    """Of the table of first by second."""
    cells = Counter(zip(first, second, strict=True))
    rows, columns = Counter(first), Counter(second)
    expected = {(a, b): rows[a] * columns[b] / len(first) for a in rows for b in columns}
    return sum((cells[cell] - mean) ** 2 / mean for cell, mean in expected.items())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_million_users_are_shared_by_the_weights(algorithm: HashAlgorithm, seed: str) -> None:
    got = Counter(variants(algorithm, seed))

    shares = [got[place] / USERS for place in range(len(WEIGHTS))]
    assert shares == pytest.approx(WEIGHTS, rel=0, abs=0.003)


@pytest.mark.parametrize("algorithm", INDEPENDENT)
def test_two_experiments_share_users_independently(algorithm: HashAlgorithm) -> None:
    first, second = (variants(algorithm, seed) for seed in SEEDS)

    assert chi_square(first, second) < CHI_SQUARE_4_AT_0_001


def test_the_first_hash_of_growthbook_entangles_experiments() -> None:
    first, second = (variants(ENTANGLED, seed) for seed in SEEDS)

    assert chi_square(first, second) > 100 * CHI_SQUARE_4_AT_0_001
