"""Who gets what: a hash of seed and user id is a place in [0, 1), and variants own ranges of it."""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from uuid import UUID

import mmh3

from domain.experiments import HashAlgorithm

_ROUNDING = 1e-9
_BELOW_ONE = math.nextafter(1.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketRange:
    """Half open; `weight` is the share among those who take part."""

    variant_id: UUID
    start: float
    end: float
    weight: float


def bucket(algorithm: HashAlgorithm, seed: str, user_id: str) -> float:
    return _BUCKETS[algorithm](seed, user_id)


def ranges(weights: Sequence[tuple[UUID, float]], coverage: float) -> tuple[BucketRange, ...]:
    """More coverage lengthens each range where it stands: users are added and nobody moves."""
    marks = _marks([weight for _, weight in weights])
    return tuple(
        BucketRange(
            variant_id=variant,
            start=start,
            end=end if coverage >= 1.0 else min(end, start + coverage * weight),
            weight=weight,
        )
        for (variant, weight), (start, end) in zip(weights, pairwise(marks), strict=True)
    )


def owner(ranges: Sequence[BucketRange], bucket: float) -> BucketRange | None:
    for candidate in ranges:
        if bucket < candidate.end:
            return candidate if candidate.start <= bucket else None
    return None


def _marks(weights: Sequence[float]) -> list[float]:
    """Added one after the other, as a browser does, lest both round differently."""
    marks = list(accumulate(weights, initial=0.0))
    total = marks[-1]
    if abs(total - 1.0) > _ROUNDING:
        return marks
    last = min(total, 1.0)
    return [1.0 if mark >= last else mark for mark in marks]


def _fnv32a(text: str) -> int:
    """Over UTF-16 code units, each one step, as charCodeAt of a browser sees them."""
    if text.isascii():
        units: bytes | memoryview[int] = text.encode()
    else:  # in the machine's own order of bytes, the first unit saying which
        units = memoryview(text.encode("utf-16")).cast("H")[1:]
    hashed = 0x811C9DC5
    for unit in units:
        hashed = (hashed ^ unit) * 0x01000193 & 0xFFFFFFFF
    return hashed


def _sha1(text: str) -> bytes:
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()


def _share(digest: bytes) -> float:
    """By its first 60 bits; all ones, and what rounds to them, would be 1.0."""
    return min((int.from_bytes(digest[:8]) >> 4) / 0xFFFFFFFFFFFFFFF, _BELOW_ONE)


def _growthbook_v2(seed: str, user_id: str) -> float:
    return _fnv32a(str(_fnv32a(seed + user_id))) % 10000 / 10000


def _growthbook_v1(seed: str, user_id: str) -> float:
    return _fnv32a(user_id + seed) % 1000 / 1000


def _posthog(seed: str, user_id: str) -> float:
    return _share(_sha1(f"{seed}.{user_id}variant"))


def _planout(seed: str, user_id: str) -> float:
    return _share(_sha1(f"{seed}.{user_id}"))


def _optimizely(seed: str, user_id: str) -> float:
    hashed = mmh3.mmh3_32_uintdigest((user_id + seed).encode(), 1)
    return (hashed * 10000 >> 32) / 10000


def _unleash(seed: str, user_id: str) -> float:
    return mmh3.mmh3_32_uintdigest(f"{seed}:{user_id}".encode(), 86028157) % 1000 / 1000


def _eppo(seed: str, user_id: str) -> float:
    digest = hashlib.md5(f"{seed}-{user_id}".encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:4]) % 10000 / 10000


def _statsig(seed: str, user_id: str) -> float:
    digest = hashlib.sha256(f"{seed}.{user_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 10000 / 10000


_BUCKETS: Mapping[HashAlgorithm, Callable[[str, str], float]] = {
    HashAlgorithm.GROWTHBOOK_V2: _growthbook_v2,
    HashAlgorithm.GROWTHBOOK_V1: _growthbook_v1,
    HashAlgorithm.POSTHOG: _posthog,
    HashAlgorithm.PLANOUT: _planout,
    HashAlgorithm.OPTIMIZELY: _optimizely,
    HashAlgorithm.UNLEASH: _unleash,
    HashAlgorithm.EPPO: _eppo,
    HashAlgorithm.STATSIG: _statsig,
}
