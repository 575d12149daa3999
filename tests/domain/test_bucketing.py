import pytest

from domain.bucketing import _share, bucket
from domain.experiments import HashAlgorithm

USERS = [
    ("cta", ""),
    ("", "user-1"),
    ("cta", "user-1"),
    ("homepage-cta", "0197f3c2-8a4e-7d10-9b2c-3f5a6e7d8c9b"),
    ("größe", "Łódź 価格"),
    ("emoji", "\U0001f600"),
    ("\U0001f680", "a\U0001f469\u200d\U0001f469\u200d\U0001f467z\ufeff"),
    ("price.test-7:b", "ann@example.org"),
    ("\ufeffx", "\uffff"),
    ("long", "0123456789" * 20),
]

# By a program in JavaScript, run once under node 20 and sharing nothing with ours: FNV-1a by
# shifts over charCodeAt, murmur3 by Math.imul after its published test vectors, sha1, sha256 and
# md5 from node's crypto.
EXPECTED = {
    HashAlgorithm.GROWTHBOOK_V2: [
        *(0.3307, 0.8703, 0.4531, 0.8563, 0.5063),
        *(0.2438, 0.5904, 0.2356, 0.697, 0.1232),
    ],
    HashAlgorithm.GROWTHBOOK_V1: [
        *(0.841, 0.5, 0.71, 0.174, 0.521),
        *(0.23, 0.856, 0.507, 0.641, 0.043),
    ],
    HashAlgorithm.POSTHOG: [
        *(0.3183986131846929, 0.5619013484627777, 0.8579903456273843),
        *(0.42626530912372845, 0.0585062224683641, 0.5347864507002599),
        *(0.38612825482292307, 0.2749416110156017, 0.9587865972745161, 0.1814042254953773),
    ],
    HashAlgorithm.PLANOUT: [
        *(0.943345018311003, 0.5238552742914292, 0.5528507768421776),
        *(0.3423527050560555, 0.5460545484160371, 0.1902592062602817),
        *(0.6879364713706186, 0.22519869064627324, 0.2546379004182026, 0.9933896892817226),
    ],
    HashAlgorithm.OPTIMIZELY: [
        *(0.5275, 0.6441, 0.4828, 0.7933, 0.8502),
        *(0.1891, 0.0809, 0.5146, 0.8403, 0.4789),
    ],
    HashAlgorithm.UNLEASH: [
        *(0.247, 0.696, 0.765, 0.238, 0.391),
        *(0.761, 0.919, 0.922, 0.169, 0.406),
    ],
    HashAlgorithm.EPPO: [
        *(0.3666, 0.1208, 0.5927, 0.8952, 0.5562),
        *(0.7106, 0.5931, 0.4545, 0.9056, 0.1539),
    ],
    HashAlgorithm.STATSIG: [
        *(0.7111, 0.845, 0.732, 0.4396, 0.1614),
        *(0.2084, 0.1613, 0.4173, 0.4494, 0.3122),
    ],
}


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_bucket_is_what_an_independent_implementation_makes_of_it(
    algorithm: HashAlgorithm,
) -> None:
    assert [bucket(algorithm, seed, user) for seed, user in USERS] == EXPECTED[algorithm]


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_a_bucket_lies_between_zero_and_one(algorithm: HashAlgorithm) -> None:
    buckets = [bucket(algorithm, "seed", f"user-{number}") for number in range(20_000)]

    assert 0.0 <= min(buckets) < 0.001
    assert 0.999 <= max(buckets) < 1.0


def test_each_algorithm_puts_a_user_elsewhere() -> None:
    buckets = {bucket(algorithm, "seed", "user-1") for algorithm in HashAlgorithm}

    assert len(buckets) == len(HashAlgorithm)


# No text is known whose sha1 begins so: hence the step below the public face.
@pytest.mark.parametrize("last", ["ff", "f0", "ef", "00"])
def test_a_hash_of_ones_stays_below_one(last: str) -> None:
    assert _share(bytes.fromhex("ff" * 7 + last)) == 0.9999999999999999


def test_a_hash_of_zeros_is_zero() -> None:
    assert _share(bytes(20)) == 0.0
