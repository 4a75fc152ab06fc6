"""The pace of calls: a token bucket for each operation of a scope, which steps back when the service throttles.

Pure: it is told the time and tells when the next call may leave; the waiting is done elsewhere.
"""

from __future__ import annotations

import math
import random

BURST_SECONDS = 0.95
"""A bucket saves up so many seconds' worth of calls. The service's own is taken to hold one second's worth; the rest is
left for clocks and networks that are not as even as ours."""
FIRST_PAUSE, LONGEST_PAUSE = 0.4, 5.0
"""Seconds without a call after a throttle, and after many in a row."""
PRECISION = 1e-6
"""Seconds; sums of intervals are not exact."""
SLOWEST = 1 / 16
"""Of the rate: as far as throttles slow it down."""
RECOVERY = 1 / 20
"""Of the rate: what each answer gives back."""


class TokenBucket:
    """Calls of one operation of one scope: AWS counts each operation, account and region by itself.

    A full bucket starts to fill again only when its first call has been answered. The service counts calls when they
    arrive, so its own bucket stays full until then; counting from when the call left would run ahead of it by as much
    as the first call took, which may be a slow one (name, connection, TLS), and end in a throttle.
    """

    def __init__(self, rate: float, burst: float | None = None) -> None:
        """Take the rate in calls a second, and how many may leave at once (at least 1; None: BURST_SECONDS' worth)."""
        self.base = rate
        self.rate = rate
        self._burst = max(1.0, rate * BURST_SECONDS if burst is None else burst)
        self._next = -math.inf
        """When the bucket will be full again, which is when the next call would leave if calls left evenly."""
        self._full_since: float | None = None
        """When a call left a full bucket; None once a call has been answered since."""
        self._paused_until = -math.inf
        self._stepped_back_at = -math.inf
        self._throttles_in_a_row = 0

    def due(self, now: float) -> float:
        """Return when the next call may leave; not after `now` if at once, infinity if an answer must come first."""
        ready = self._next - (self._burst - 1) / self.rate
        if self._full_since is not None and ready > self._full_since + PRECISION:
            return math.inf
        return max(ready if self._full_since is None else now, self._paused_until)

    def take(self, now: float) -> None:
        """Count a call that leaves now."""
        if self._burst > 1 and self._full_since is None and self._next <= now:
            self._full_since = now
        self._next = max(self._next, now) + 1 / self.rate

    def answered(self, now: float) -> None:
        """Count an answer, of whatever kind: the service has counted the call."""
        if self._full_since is not None:
            self._next += now - self._full_since
            self._full_since = None

    def accepted(self, now: float) -> None:
        """Count an answer that was no throttle: what was lost to throttles comes back bit by bit."""
        self.answered(now)
        self._throttles_in_a_row = 0
        self.rate = min(self.base, self.rate + self.base * RECOVERY)

    def throttled(self, now: float, sent_at: float) -> None:
        """Step back: half the rate, no more bursts, and a pause that grows with each throttle in a row.

        A throttle of a call that left before the last step back is old news.
        """
        self.answered(now)
        if sent_at < self._stepped_back_at:
            return
        self._stepped_back_at = now
        self._burst = 1.0
        self.rate = max(self.rate / 2, self.base * SLOWEST)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._throttles_in_a_row)
        self._throttles_in_a_row += 1
        self._paused_until = now + pause * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret
        self._next = max(self._next, self._paused_until)
