"""The pace of calls: a token bucket for each operation of a scope, which steps back when the service throttles.

Pure: it is given the time and returns when the next call may leave; calls.py does the waiting.
"""

from __future__ import annotations

import math
import random

BURST_SECONDS = 0.95
"""A bucket saves up so many seconds' worth of calls. The service's own is taken to hold one second's worth; the rest is
left for clocks and networks that are not as even as ours."""
FIRST_PAUSE, LONGEST_PAUSE = 0.4, 5.0
"""Seconds without a call after a throttle, and after many in a row."""
FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0
"""Seconds before a call that was cut or not answered is made again, doubled with each attempt, and the most of them."""
PRECISION = 1e-6
"""Of a token; sums of intervals are not exact."""
SLOWEST = 1 / 16
"""Of the rate: as far as throttles slow it down."""
RECOVERY = 1 / 20
"""Of the rate: what each answer gives back."""


class TokenBucket:
    """Calls of one operation of one scope: AWS counts each operation, account and region by itself.

    The service counts a call when it arrives, which is some time between leaving and being answered. So a token is
    set aside when a call leaves, and used up when its answer is there: however long calls are on their way, and in
    whatever order they arrive, the service's own bucket never holds less than this one says. Counting from when a
    call leaves would run ahead of it each time that calls are held up and then arrive together.
    """

    def __init__(self, rate: float, burst: float | None = None) -> None:
        """Take the rate in calls a second, and how many may be unanswered (at least 1; None: BURST_SECONDS' worth)."""
        self.base = rate
        self.rate = rate
        self._burst = max(1.0, rate * BURST_SECONDS if burst is None else burst)
        self._tokens = self._burst
        self._filled_at = -math.inf
        self._under_way = 0
        self._paused_until = -math.inf
        self._stepped_back_at = -math.inf
        self._throttles_in_a_row = 0

    def due(self, now: float) -> float:
        """Return when the next call may leave; not after `now` if at once, infinity if an answer must come first."""
        self._fill(now)
        missing = 1 + self._under_way - self._tokens
        if missing <= PRECISION:
            return max(now, self._paused_until)
        if 1 + self._under_way > self._burst:
            return math.inf
        return max(now + missing / self.rate, self._paused_until)

    def take(self, now: float) -> None:
        """Count a call that leaves now."""
        self._fill(now)
        self._under_way += 1

    def answered(self, now: float) -> None:
        """Count an answer, of whatever kind, or that there will be none."""
        self._fill(now)
        self._under_way -= 1
        self._tokens -= 1

    def accepted(self, now: float) -> None:
        """Count an answer that was no throttle: what was lost to throttles comes back bit by bit."""
        self.answered(now)
        self._throttles_in_a_row = 0
        self.rate = min(self.base, self.rate + self.base * RECOVERY)

    def throttled(self, now: float, sent_at: float) -> None:
        """Step back: half the rate, half the burst for good, and a pause that grows with each throttle in a row.

        A throttle of a call that left before the last step back is old news.
        """
        self.answered(now)
        if sent_at < self._stepped_back_at:
            return
        self._stepped_back_at = now
        self._burst = max(1.0, self._burst / 2)
        self._tokens = min(self._tokens, 1.0)
        self.rate = max(self.rate / 2, self.base * SLOWEST)
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._throttles_in_a_row)
        self._throttles_in_a_row += 1
        self._paused_until = now + pause * random.uniform(0.5, 1.0)  # noqa: S311  # jitter, not a secret

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            if not math.isinf(self._filled_at):
                self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self.rate)
            self._filled_at = now


def retry_delay(attempts: int) -> float:
    """Return the seconds to wait before a call is made again that was cut or not answered in so many attempts."""
    ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2**attempts)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311  # jitter, not a secret
