"""The threads that make the calls, shared by all scopes: each call when it is due, whoever is slow delays nobody.

A thread is only needed while an answer is under way, not while a scope waits for its pace: some hundred threads serve
any number of scopes. Calls that are due wait in the order in which they became due, so scopes interleave by themselves.
"""

from __future__ import annotations

import heapq
import itertools
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Self, TypeAlias

from pipeline.extract.pacing import TokenBucket

Call: TypeAlias = Callable[[], None]
"""What a thread runs; it must not raise."""
SIZE = 256
"""Threads at most. At 200 ms an answer they make 1,280 calls a second, more than one machine's CPU can take in."""
FEWEST, SPARE = 3, 2.0
"""Calls that may always be under way, and how many times as many as are needed for the rate."""
TAKEN_IN = 250.0
"""Full pages a second that one machine takes in: calls for more would only wait, with the pages of their projects."""
LATELY = 16
"""Answers whose quickest says how long the service takes; others may have waited here."""


class Lane:
    """The calls of one operation of one scope: they leave as its bucket allows, and so many at a time as that needs."""

    def __init__(self, crew: Crew, bucket: TokenBucket, limit: int) -> None:
        self.bucket = bucket
        self._crew = crew
        self._most = limit
        self._limit: float = limit
        self._took: deque[float] = deque(maxlen=LATELY)
        self._waiting: deque[Call] = deque()
        self._later: list[tuple[float, int, Call]] = []
        self._under_way = 0
        self.planned = math.inf
        """When the crew will look at this lane again; the crew's own."""

    def add(self, call: Call, *, is_next: bool = False, delay: float = 0.0) -> None:
        """Queue a call: behind the others, before them, or not before so many seconds from now."""
        with self._crew.lock:
            if delay > 0:
                heapq.heappush(self._later, (time.monotonic() + delay, next(self._crew.numbers), call))
            elif is_next:
                self._waiting.appendleft(call)
            else:
                self._waiting.append(call)
            self._crew.look_at(self)

    def clear(self) -> None:
        """Forget the calls that have not left."""
        with self._crew.lock:
            self._waiting.clear()
            self._later.clear()

    def answered(self, tell: Callable[[TokenBucket, float], None], *, took: float | None = None) -> None:
        """Tell the bucket of an answer, which may let the next call leave sooner or later.

        `took` are the seconds of one that brought a page: what others take says nothing.
        """
        with self._crew.lock:
            tell(self.bucket, time.monotonic())
            if took is not None:
                self._took.append(took)
                needed = SPARE * min(self.bucket.base, TAKEN_IN) * min(self._took)
                self._limit = min(self._most, max(FEWEST, needed))
            self._crew.look_at(self)

    @property
    def is_busy(self) -> bool:
        """Whether calls wait or are under way."""
        return bool(self._waiting or self._later or self._under_way)

    def ready(self, now: float) -> float:
        """Return when the next call can leave; infinity if none waits, or nothing but an answer will let it."""
        if self._under_way >= self._limit or not (self._waiting or self._later):
            return math.inf
        earliest = -math.inf if self._waiting else self._later[0][0]
        return max(earliest, self.bucket.due(now))

    def leave(self, now: float) -> Call:
        """Take the call that leaves now."""
        self.bucket.take(now)
        self._under_way += 1
        if self._later and self._later[0][0] <= now:
            return heapq.heappop(self._later)[2]
        return self._waiting.popleft()

    def returned(self) -> None:
        """Note that a call is no longer under way."""
        self._under_way -= 1


class Crew:
    """Threads, and one more that keeps the time. Use as a context manager; leaving it forgets what has not left."""

    def __init__(self, size: int = SIZE) -> None:
        self.lock = threading.Condition()
        self.numbers = itertools.count()
        self._size = size
        self._free = threading.Semaphore(size)
        self._planned: list[tuple[float, int, Lane]] = []
        self._handed: queue.SimpleQueue[tuple[Lane, Call] | None] = queue.SimpleQueue()
        self._idle = 0
        self._threads = 0
        self._is_closed = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._keep_time, name="reklake-time", daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Let no more calls leave. Nobody waits for those under way: the threads are daemons."""
        with self.lock:
            self._is_closed = True
            self.lock.notify()
        for _ in range(self._threads):
            self._handed.put(None)

    def lane(self, bucket: TokenBucket, limit: int) -> Lane:
        """Make a lane whose calls leave as the bucket allows, at most `limit` of them under way at a time."""
        return Lane(self, bucket, limit)

    def look_at(self, lane: Lane) -> None:
        """Plan when to look at a lane next, now that something about it is new. The lock must be held."""
        ready = lane.ready(time.monotonic())
        if ready < lane.planned:
            lane.planned = ready
            heapq.heappush(self._planned, (ready, next(self.numbers), lane))
            if self._planned[0][2] is lane:
                self.lock.notify()

    def _keep_time(self) -> None:
        while True:
            self._free.acquire()  # calls leave when a thread can take them: their pace is counted from then
            with self.lock:
                lane = self._next_lane()
                if lane is None:
                    return
                call = lane.leave(time.monotonic())
                self.look_at(lane)
                if self._idle > 0 or not self._has_one_more():
                    self._idle -= 1  # below 0: calls that wait for a thread
            self._handed.put((lane, call))

    def _has_one_more(self) -> bool:
        """Start a thread; False where the machine gives no more, and those there are must do."""
        one = threading.Thread(target=self._work, name=f"reklake-{self._threads + 1}", daemon=True)
        try:
            one.start()
        except RuntimeError:  # containers and Lambda limit them
            if not self._threads:
                raise
            return False
        self._threads += 1
        return True

    def _next_lane(self) -> Lane | None:
        """Wait until a call can leave, and return its lane; None once the crew is closed. The lock must be held."""
        while not self._is_closed:
            now = time.monotonic()
            if self._planned and self._planned[0][0] <= now:
                planned, _, lane = heapq.heappop(self._planned)
                if planned != lane.planned:
                    continue  # it was looked at again since, and planned for another time
                lane.planned = math.inf
                if lane.ready(now) <= now:
                    return lane
                self.look_at(lane)
            else:
                self.lock.wait(self._planned[0][0] - now if self._planned else None)
        return None

    def _work(self) -> None:
        while (handed := self._handed.get()) is not None:
            lane, call = handed
            call()
            while following := self._following(lane):
                following()
            self._free.release()

    def _following(self, lane: Lane) -> Call | None:
        """Note that a call has returned, and take the lane's next one if it is due: its thread then makes that too.

        None where another lane's call is due as well: those that are due leave in their order.
        """
        with self.lock:
            lane.returned()
            now = time.monotonic()
            is_others_turn = self._is_closed or (self._planned and self._planned[0][0] <= now)
            call = lane.leave(now) if not is_others_turn and lane.ready(now) <= now else None
            self._idle += call is None
            self.look_at(lane)
            return call
