"""The listing of one scope: its pages are landed, and its record says how it went."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass

from pipeline import landing
from pipeline.errors import ScopeError
from pipeline.extract import Listed
from pipeline.jobs.events import Event, Observer
from pipeline.lake import Lake
from pipeline.lake.run_record import DetailRecord, Outcome, ScopeRecord, now
from pipeline.landing import LandedScope
from pipeline.model.page import RawPage, Scope


@dataclass(frozen=True, slots=True)
class Listing:
    """The result of listing a scope: its landed pages (None: it was not listed to its end) and its record."""

    landed: LandedScope | None
    record: ScopeRecord

    @classmethod
    def resumed(cls, landed: LandedScope, from_run: str | None = None) -> Listing:
        """Return the listing whose pages an earlier run has landed completely."""
        record = ScopeRecord.of(landed.scope)
        record.outcome = Outcome.COMPLETE
        record.resumed_from = from_run
        record.details = [DetailRecord(detail, Outcome.COMPLETE) for detail in sorted(landed.details)]
        return cls(landed, record)


class ScopeListing:
    """Receives the pages of one scope from the lister, and lands them."""

    def __init__(
        self,
        lake: Lake,
        run_id: str,
        scope: Scope,
        observe: Observer,
        *,
        are_details_named: bool,
    ) -> None:
        """`are_details_named` says whether the settings name the details: if so, a denied one counts as failed."""
        self._lake = lake
        self._run_id = run_id
        self._observe = observe
        self._are_details_named = are_details_named
        self._record = ScopeRecord.of(scope)
        self._open = ExitStack()
        self._file: landing.Writer | None = None

    def begin(self) -> None:
        """Open the landed file, before the first call."""
        self._record.started_at = now()
        self._file = self._open.enter_context(landing.land(self._lake, self._run_id, self._record.scope))

    def page(self, page: RawPage) -> None:
        """Land a page."""
        if self._file:
            self._file.add(page)
        self._record.pages += 1
        self._observe(Event("page", self._record.scope))

    def end(self, listed: Listed) -> None:
        """Finish the landed file, and record how the listing went."""
        record = self._record
        record.details = (
            [self._detail(name, error) for name, error in listed.details.items()] if not listed.error else []
        )
        if self._file:
            self._file.is_whole = listed.error is None
            self._file.details.update(detail.detail for detail in record.details if detail.outcome is Outcome.COMPLETE)
            self._file.close()
        if listed.error:
            record.fail(listed.error)
        else:
            record.outcome = Outcome.COMPLETE
        record.ended_at, record.seconds = now(), round(listed.seconds, 6)
        record.calls, record.calls_by_operation = listed.counters.calls, dict(listed.counters.by_operation)
        record.retries, record.throttles = listed.counters.retries, listed.counters.throttles

    def store(self) -> Listing:
        """Store the landed file under its name, which may take a while on S3, and return the listing."""
        record = self._record
        self._open.close()
        self._observe(_ended(record))
        is_whole = record.outcome is Outcome.COMPLETE
        return Listing(landing.scope_file(self._lake, self._run_id, record.scope) if is_whole else None, record)

    def _detail(self, name: str, error: ScopeError | None) -> DetailRecord:
        if error is None:
            return DetailRecord(name, Outcome.COMPLETE)
        is_optional = not self._are_details_named and error.kind in {"denied", "unsupported"}
        return DetailRecord(name, Outcome.SKIPPED if is_optional else Outcome.FAILED, error.kind, str(error))


def _ended(record: ScopeRecord) -> Event:
    facts: dict[str, object] = {
        "outcome": str(record.outcome),
        **({"error_kind": record.error_kind} if record.error else {}),
        "pages": record.pages,
        "calls": record.calls,
        "throttles": record.throttles,
        "seconds": record.seconds,
        **{detail.detail: str(detail.outcome) for detail in record.details},
        **{f"{detail.detail}_error": detail.error for detail in record.details if detail.error},
    }
    message = record.error or f"{record.outcome}, {record.pages} pages"
    return Event("scope", record.scope, message, is_whole=record.outcome is Outcome.COMPLETE, facts=facts)
