"""Draws that depend on nothing but their key, so any part of a world can be made without the rest."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

_REFILL_BELOW = 1 << 64


class Dice:
    """A reproducible stream of draws for one key: the same key gives the same draws on every machine."""

    __slots__ = ("_bits", "_key", "_refills")

    def __init__(self, *key: object) -> None:
        self._key = "\x1f".join(map(str, key))
        self._refills = 0
        self._bits = 0

    def below(self, limit: int) -> int:
        """Draw an integer in 0..limit-1."""
        if self._bits < _REFILL_BELOW:
            self._refills += 1
            digest = blake2b(f"{self._key}\x1f{self._refills}".encode(), digest_size=64).digest()
            self._bits = int.from_bytes(digest, "big")
        self._bits, drawn = divmod(self._bits, limit)
        return drawn

    def unit(self) -> float:
        """Draw a float in [0, 1)."""
        return self.below(1 << 24) / (1 << 24)

    def chance(self, probability: float) -> bool:
        """Draw true with this probability."""
        return self.unit() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one of the choices."""
        return choices[self.below(len(choices))]

    def weighted(self, choices: Sequence[tuple[T, int]]) -> T:
        """Draw one of the (choice, weight) pairs' choices."""
        drawn = self.below(sum(weight for _, weight in choices))
        for choice, weight in choices:
            drawn -= weight
            if drawn < 0:
                return choice
        raise AssertionError("a draw lies below the sum of its weights")

    def hexadecimal(self, length: int) -> str:
        """Draw a string of hexadecimal digits."""
        drawn = "".join(f"{self.below(1 << 32):08x}" for _ in range((length + 7) // 8))
        return drawn[:length]
