"""A quota of calls a second, counted as AWS does: one token bucket per operation, account and region."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Quota:
    """One token bucket per key, each of `rate` calls a second; a rate of None is no quota. Thread-safe.

    A full bucket holds the calls of one second, and at least one call.
    """

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._buckets: dict[Hashable, tuple[float, float]] = {}
        """Tokens left, and when they were counted."""
        self._lock = threading.Lock()

    def allows(self, key: Hashable, now: float) -> bool:
        """Return whether a call at the time `now` (monotonic seconds) is within the quota, and count it if so."""
        if self._rate is None:
            return True
        capacity = max(1.0, self._rate)
        with self._lock:
            tokens, counted = self._buckets.get(key, (capacity, now))
            tokens = min(capacity, tokens + (now - counted) * self._rate)
            allowed = tokens >= 1.0
            self._buckets[key] = (tokens - 1.0 if allowed else tokens, now)
        return allowed
