"""The pace of calls: at most so many a second for each operation of a scope, shared by all its threads."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable


class TokenBucket:
    """A bucket of one token: calls leave evenly spaced, never two at once.

    A burst would make the first second exceed the quota (burst + rate calls), so there is none.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the rate in calls a second, above 0."""
        self._interval = 1.0 / rate
        self._clock = clock
        self._sleep = sleep
        self._next = clock()
        self._lock = threading.Lock()

    def acquire(self) -> float:
        """Wait for this caller's turn; returns the seconds waited."""
        with self._lock:
            now = self._clock()
            turn = max(self._next, now)
            self._next = turn + self._interval
        wait = turn - now
        if wait > 0:
            self._sleep(wait)
        return wait


class Pace:
    """The buckets of one scope, one per operation: AWS counts each operation, account and region by itself."""

    def __init__(self, rate: float) -> None:
        """Take the rate of each operation in calls a second."""
        self._lock = threading.Lock()
        self._buckets: dict[str, TokenBucket] = defaultdict(lambda: TokenBucket(rate))

    def wait(self, operation: str) -> None:
        """Wait for the operation's turn."""
        with self._lock:
            bucket = self._buckets[operation]
        bucket.acquire()
