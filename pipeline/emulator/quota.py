"""Calls a second, as the service counts them: a token bucket for each operation, account and region."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class TokenBucket:
    """A bucket of `rate` tokens a second that holds a second's worth (at least one). Not thread-safe."""

    __slots__ = ("_capacity", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._capacity = max(1.0, rate)
        self._tokens = self._capacity
        self._updated = now

    def take(self, now: float) -> bool:
        """Take one token at the time `now` (seconds, monotonic); false when none is left."""
        self._tokens = min(self._capacity, self._tokens + (now - self._updated) * self._rate)
        self._updated = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


class Quota:
    """One token bucket a key, all of the same rate; `rate` None means no quota."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._buckets: dict[Hashable, TokenBucket] = {}
        self._lock = threading.Lock()

    def allows(self, key: Hashable, now: float) -> bool:
        """Whether a call counted under `key` is within the quota at the time `now`; counts it if so."""
        if self._rate is None:
            return True
        with self._lock:
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = TokenBucket(self._rate, now)
            return bucket.take(now)
