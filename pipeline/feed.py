"""Pages of one scope on their way from the listing to flatten: handed over as they come, and few of them held."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.model.page import RawPage

HELD_BYTES = 4 << 20
"""Bodies that wait for a reader that is slower than the service, before the listing has to wait for it."""


class Arrived(NamedTuple):
    """A page, and whether it ends the listing of what it was asked about."""

    page: RawPage
    is_last: bool


class Feed:
    """Takes pages from the threads that list, and gives them in their order to the one that reads.

    Only a feed that was opened in time holds pages. Nobody waits for one that is not being read: it lets go of all of
    them when they become too many.
    """

    def __init__(self) -> None:
        self.waited = 0.0
        """Seconds that the reader has waited for pages."""
        self._pages: deque[Arrived] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._is_open = False
        self._is_read = False
        self._has_missed = False
        self._is_ended = False

    def open(self) -> None:
        """Begin to hold pages for a reader."""
        with self._changed:
            self._is_open = not self._has_missed

    def read(self) -> bool:
        """Begin to read from the first page on; False if it is not held, or no longer."""
        with self._changed:
            self._is_read = self._is_open
            return self._is_read

    def put(self, arrived: Arrived) -> None:
        """Hand a page over; waits while too many bytes are held for the reader."""
        with self._changed:
            self._changed.wait_for(lambda: self._held < HELD_BYTES or not self._is_read)
            if self._is_open and self._held < HELD_BYTES:
                self._pages.append(arrived)
                self._held += len(arrived.page.body)
                self._changed.notify_all()
            else:
                self._let_go()

    def end(self) -> None:
        """Say that no more pages come."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of what is held: the reader has gone, and nobody waits for it any more."""
        with self._changed:
            self._let_go()

    def __iter__(self) -> Iterator[Arrived]:
        """Yield the pages as they come, until no more do."""
        while (arrived := self._next()) is not None:
            yield arrived

    def _next(self) -> Arrived | None:
        started = time.perf_counter()
        with self._changed:
            self._changed.wait_for(lambda: self._pages or self._is_ended or not self._is_read)
            self.waited += time.perf_counter() - started
            if not self._pages:
                return None
            arrived = self._pages.popleft()
            self._held -= len(arrived.page.body)
            self._changed.notify_all()
            return arrived

    def _let_go(self) -> None:
        self._is_open, self._is_read, self._has_missed = False, False, True
        self._pages.clear()
        self._held = 0
        self._changed.notify_all()
