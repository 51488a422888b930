"""Noise without state: the same key and place always give the same number."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

_MASK: Final = (1 << 64) - 1
_UNIT: Final = 1 / (1 << 64)


def key_of(*parts: object) -> int:
    """Return the 64-bit key of a name. Stable across processes, unlike `hash` of a string."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def mix(key: int, place: int) -> int:
    """Return 64 well-mixed bits (splitmix64's finalizer)."""
    z = (key + place * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def uniform(key: int, place: int = 0) -> float:
    """Return a number in [0, 1)."""
    return (mix(key, place) >> 11) * (_UNIT * 2048)


# Slow scales are read again and again: one entry is some 150 bytes, so this is about 10 MB.
@lru_cache(maxsize=65_536)
def normal(key: int, place: int) -> float:
    """Return a number of mean 0 and deviation 1, between -3.5 and 3.5 (four 16-bit uniforms)."""
    bits = mix(key, place)
    total = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
    return (total / 65_536 - 2) * 1.7320508


def smooth(key: int, at: float) -> float:
    """Return a continuous curve of mean 0 that passes through `normal` at each whole `at`."""
    place = int(at // 1)
    part = at - place
    ease = part * part * (3 - 2 * part)
    before = normal(key, place)
    return before + (normal(key, place + 1) - before) * ease
