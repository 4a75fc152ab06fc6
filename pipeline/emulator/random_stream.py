"""Reproducible random values: any part of a world can be made without the rest."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_REFILL_BELOW = 1 << 64


class RandomStream:
    """Random values for one key: the same key gives the same values on every machine."""

    __slots__ = ("_bits", "_key", "_refills")

    def __init__(self, *key: object) -> None:
        self._key = "\x1f".join(map(str, key))
        self._refills = 0
        self._bits = 0

    def below(self, limit: int) -> int:
        """Return an integer in 0..limit-1."""
        if self._bits < _REFILL_BELOW:
            self._refills += 1
            digest = blake2b(f"{self._key}\x1f{self._refills}".encode(), digest_size=64).digest()
            self._bits = int.from_bytes(digest, "big")
        self._bits, value = divmod(self._bits, limit)
        return value

    def unit(self) -> float:
        """Return a float in [0, 1)."""
        return self.below(1 << 24) / (1 << 24)

    def chance(self, probability: float) -> bool:
        """Return true with this probability."""
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """Return a random choice."""
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        """Return a random choice of (choice, weight) pairs."""
        value = self.below(sum(weight for _, weight in choices))
        for choice, weight in choices:
            value -= weight
            if value < 0:
                return choice
        raise AssertionError("the value lies below the sum of the weights")

    def hexadecimal(self, length: int) -> str:
        """Return a string of hexadecimal digits."""
        digits = "".join(f"{self.below(1 << 32):08x}" for _ in range((length + 7) // 8))
        return digits[:length]
