"""List many scopes side by side, with the same threads and clients; each ends by itself, well or not."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from pipeline.errors import ScopeError
from pipeline.extract.clients import Clients
from pipeline.extract.crew import Crew
from pipeline.extract.listing import Listing, Sink
from pipeline.extract.sessions import Sessions
from pipeline.extract.targets import Target
from pipeline.model.operations import DEFAULT_DETAILS
from pipeline.model.page import Scope


@dataclass(frozen=True, slots=True)
class Reading:
    """How far listings have come: scopes under way, calls of each, and sums; `quota` is in calls a second."""

    running: int
    calls: dict[Scope, int]
    pages: int
    versions: int
    throttles: int
    quota: float


class Lister:
    """Listings under way. Use as a context manager; leaving it stops what has not ended."""

    def __init__(self, sessions: Sessions) -> None:
        self._settings = sessions.settings
        self._clients = Clients(sessions)
        self._crew = Crew()
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Listing, Future[Any]]] = deque()
        self._under_way: set[Listing] = set()
        self._listings: list[Listing] = []

    def __enter__(self) -> Self:
        self._crew.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            left, waiting = list(self._under_way), list(self._waiting)
            self._waiting.clear()
        for listing in left:
            listing.stop(ScopeError(f"{listing.scope}: the run was stopped. Sync again.", kind="stopped"))
        for _, future in waiting:
            future.cancel()
        self._crew.__exit__(*raised)

    def begin(self, target: Target, sink: Sink) -> Future[Any]:
        """List a scope into the sink, now or when its turn has come; the future has what the sink makes of the end.

        A scope that fails has ended all the same; the future raises only what the sink raised.
        """
        future: Future[Any] = Future()
        details = DEFAULT_DETAILS if self._settings.details is None else self._settings.details
        listing = Listing(target.scope, self._clients.of(target), self._crew, self._settings, sink, details)
        with self._lock:
            self._listings.append(listing)
            self._waiting.append((listing, future))
        self._start_next()
        return future

    def reading(self) -> Reading:
        """Return how far all listings have come."""
        with self._lock:
            listings, under_way = list(self._listings), list(self._under_way)
        counted = [listing.counters for listing in listings]
        return Reading(
            running=len(under_way),
            calls={listing.scope: listing.counters.calls for listing in listings},
            pages=sum(one.pages for one in counted),
            versions=sum(one.versions for one in counted),
            throttles=sum(one.throttles for one in counted),
            quota=sum(listing.quota for listing in under_way),
        )

    def _start_next(self) -> None:
        with self._lock:
            if not self._waiting or len(self._under_way) >= self._settings.scopes:
                return
            listing, future = self._waiting.popleft()
            self._under_way.add(listing)
        listing.start(partial(self._ended, listing, future))

    def _ended(self, listing: Listing, future: Future[Any], result: Any, error: BaseException | None) -> None:
        with self._lock:
            self._under_way.discard(listing)
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
        self._start_next()
