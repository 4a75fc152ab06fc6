"""Where the pages of one scope go: into the landing and on to flatten, and what becomes of them into the record."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from typing import Protocol, TypeAlias

from pipeline import landing
from pipeline.errors import ScopeError
from pipeline.extract import Listed
from pipeline.feed import Arrived, Feed
from pipeline.jobs.events import Event, Observer
from pipeline.lake import Lake
from pipeline.lake.run_record import DetailRecord, Outcome, ScopeRecord, now
from pipeline.landing import LandedScope
from pipeline.model.operations import DEFAULT_DETAILS
from pipeline.model.page import RawPage, Scope
from pipeline.unchanged import Before, Comparison

Extracted: TypeAlias = tuple[LandedScope | None, ScopeRecord]
"""What came of listing a scope: its landed pages, unless it broke off, and the record of it."""


class Arriving(Protocol):
    """A scope whose pages are there, or on their way."""

    @property
    def scope(self) -> Scope:
        """The scope."""

    @property
    def details(self) -> Collection[str]:
        """The details that its resources are asked about."""

    @property
    def waited(self) -> float:
        """Seconds that the reader of its pages has waited for them."""

    @property
    def before(self) -> Before | None:
        """The pages that the rows there are come from, if these may be kept."""

    def unchanged(self) -> Before | None:
        """Wait until it is known whether all pages are equal to those of the rows there are, and return these if so."""

    def pages(self) -> Iterator[Arrived] | None:
        """Return its pages as they come, whether the listing will come to its end or not; None if they are landed."""

    def result(self) -> Extracted:
        """Wait for the end, and return what came of it."""

    def close(self) -> None:
        """Say that nobody reads its pages any more."""


class Landed:
    """A scope that an earlier run has listed."""

    waited = 0.0
    before = None

    def __init__(self, landed: LandedScope | None, record: ScopeRecord) -> None:
        self.scope = record.scope
        self.details = landed.details if landed else frozenset[str]()
        self._extracted = landed, record

    def unchanged(self) -> Before | None:
        """Return None: what is replayed is flattened."""
        return None

    def pages(self) -> None:
        """Return None: they are landed."""

    def result(self) -> Extracted:
        """Return what came of it."""
        return self._extracted

    def close(self) -> None:
        """Do nothing."""


class Arrivals:
    """A sink of the lister for one scope."""

    def __init__(
        self,
        lake: Lake,
        run_id: str,
        scope: Scope,
        observe: Observer,
        hand: landing.Hand,
        *,
        details: Collection[str] | None = None,
        before: Before | None = None,
    ) -> None:
        """`details` are those that were asked for; None: those of the default are taken."""
        self.scope = scope
        self.details = DEFAULT_DETAILS if details is None else details
        self._lake = lake
        self._hand = hand
        self._run_id = run_id
        self._record = ScopeRecord.of(scope)
        self._observe = observe
        self._is_asked_by_name = details is not None
        self._open = ExitStack()
        self._file: landing.Writer | None = None
        self._feed = Feed()
        self.before = before
        self._comparison = Comparison(before)
        self._future: Future[Extracted] = Future()
        self._waited = 0.0

    # -- for the lister

    def begin(self) -> None:
        """Open the landed file."""
        self._record.started_at = now()
        self._file = self._open.enter_context(landing.land(self._lake, self._run_id, self._record.scope, self._hand))

    def page(self, page: RawPage, *, is_last: bool) -> None:
        """Keep a page, and hand it on."""
        if self._file:
            self._file.add(page)
        self._record.pages += 1
        self._comparison.see(page)
        self._feed.put(Arrived(page, is_last))
        self._observe(Event("page", self._record.scope))

    def end(self, listed: Listed) -> Extracted:
        """Close the landed file, and tell how the listing went."""
        record = self._record
        record.details = (
            [self._detail(name, error) for name, error in listed.details.items()] if not listed.error else []
        )
        if self._file:
            self._file.is_whole = listed.error is None
            self._file.details.update(one.detail for one in record.details if one.outcome is Outcome.COMPLETE)
        self._open.close()
        if listed.error:
            record.fail(listed.error)
        else:
            record.outcome = Outcome.COMPLETE
        record.ended_at, record.seconds = now(), round(listed.seconds, 6)
        record.calls, record.calls_by_operation = listed.counters.calls, dict(listed.counters.by_operation)
        record.descriptions = listed.counters.versions
        record.retries, record.throttles = listed.counters.retries, listed.counters.throttles
        told = record.error or f"{record.outcome}, {record.pages} pages"
        facts = {
            "outcome": str(record.outcome),
            **({"error_kind": record.error_kind} if record.error else {}),
            "pages": record.pages,
            "calls": record.calls,
            "throttles": record.throttles,
            "seconds": record.seconds,
            **{one.detail: str(one.outcome) for one in record.details},
            **{f"{one.detail}_error": one.error for one in record.details if one.error},
        }
        self._observe(Event("scope", record.scope, told, is_whole=record.outcome is Outcome.COMPLETE, facts=facts))
        landed = None if listed.error else landing.scope_file(self._lake, self._run_id, record.scope)
        return landed, record

    def _detail(self, name: str, error: ScopeError | None) -> DetailRecord:
        if error is None:
            return DetailRecord(name, Outcome.COMPLETE)
        is_optional = not self._is_asked_by_name and error.kind in {"denied", "unsupported"}
        return DetailRecord(name, Outcome.SKIPPED if is_optional else Outcome.FAILED, error.kind, str(error))

    # -- for whoever flattens

    def hold(self) -> None:
        """Hold pages from the first one on: they will be read while they come."""
        self._feed.open()

    def follow(self, listing: Future[Extracted]) -> Arrivals:
        """Learn from the lister's future when the listing has ended, however it did."""
        self._future = listing
        listing.add_done_callback(self._over)
        return self

    def _over(self, _: Future[Extracted]) -> None:
        self._comparison.end()
        self._feed.end()

    @property
    def waited(self) -> float:
        """Seconds that was waited for pages, or for the end."""
        return self._waited + self._feed.waited

    def unchanged(self) -> Before | None:
        """Return the pages before if those that come are equal, to the end."""
        with self._waiting():
            is_same = self._comparison.is_same()
        landed = self.result()[0] if is_same else None
        return self.before if landed and self.before and landed.details == self.before.details else None

    def pages(self) -> Iterator[Arrived] | None:
        """Return the pages as they come, if they are held from the first one on."""
        return iter(self._feed) if self._feed.read() else None

    def result(self) -> Extracted:
        """Wait for the end."""
        with self._waiting():
            return self._future.result()

    def close(self) -> None:
        """Hold no more pages."""
        self._feed.close()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._waited += time.perf_counter() - started
