"""Where one scope's pages go: into the landing, and what becomes of them into its record."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TypeAlias

from pipeline import landing
from pipeline.errors import ScopeError
from pipeline.events import Event, Observer
from pipeline.extract import Listed
from pipeline.landing import LandedScope
from pipeline.model.page import RawPage, Scope
from pipeline.record import Outcome, PartRecord, ScopeRecord, now
from pipeline.storage import Lake

Extracted: TypeAlias = tuple[LandedScope | None, ScopeRecord]
"""What came of listing a scope: its landed pages, unless it broke off, and the record of it."""


class Arrivals:
    """A sink of the lister for one scope."""

    def __init__(
        self, lake: Lake, run_id: str, scope: Scope, observe: Observer, hand: landing.Hand, *, is_asked_by_name: bool
    ) -> None:
        """`is_asked_by_name` says whether parts were asked for, or are taken because they are the default."""
        self._lake = lake
        self._hand = hand
        self._run_id = run_id
        self._record = ScopeRecord.of(scope)
        self._observe = observe
        self._is_asked_by_name = is_asked_by_name
        self._open = ExitStack()
        self._file: landing.Writer | None = None

    def begin(self) -> None:
        """Open the landed file."""
        self._record.started_at = now()
        self._file = self._open.enter_context(landing.land(self._lake, self._run_id, self._record.scope, self._hand))

    def page(self, page: RawPage) -> None:
        """Keep a page."""
        if self._file:
            self._file.add(page)
        self._record.pages += 1
        self._observe(Event("page", self._record.scope))

    def end(self, listed: Listed) -> Extracted:
        """Close the landed file, and tell how the listing went."""
        record = self._record
        record.parts = [self._part(name, error) for name, error in listed.parts.items()] if not listed.error else []
        if self._file:
            self._file.is_whole = listed.error is None
            self._file.parts.update(one.part for one in record.parts if one.outcome is Outcome.COMPLETE)
        self._open.close()
        if listed.error:
            record.fail(listed.error)
        else:
            record.outcome = Outcome.COMPLETE
        record.ended_at, record.seconds = now(), round(listed.seconds, 6)
        record.calls, record.calls_by_operation = listed.counters.calls, dict(listed.counters.by_operation)
        record.retries, record.throttles = listed.counters.retries, listed.counters.throttles
        told = record.error or f"{record.outcome}, {record.pages} pages"
        facts = {
            "outcome": str(record.outcome),
            **({"error_kind": record.error_kind} if record.error else {}),
            "pages": record.pages,
            "calls": record.calls,
            "throttles": record.throttles,
            "seconds": record.seconds,
            **{one.part: str(one.outcome) for one in record.parts},
            **{f"{one.part}_error": one.error for one in record.parts if one.error},
        }
        self._observe(Event("scope", record.scope, told, is_whole=record.outcome is Outcome.COMPLETE, facts=facts))
        landed = None if listed.error else landing.scope_file(self._lake, self._run_id, record.scope)
        return landed, record

    def _part(self, name: str, error: ScopeError | None) -> PartRecord:
        if error is None:
            return PartRecord(name, Outcome.COMPLETE)
        is_optional = not self._is_asked_by_name and error.kind in {"denied", "unsupported"}
        return PartRecord(name, Outcome.SKIPPED if is_optional else Outcome.FAILED, error.kind, str(error))
