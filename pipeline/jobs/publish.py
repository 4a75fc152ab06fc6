"""Merges listings into the next snapshot, scope by scope in key order, and publishes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pipeline.jobs.add_scope import add_scope, carry_forward, is_unchanged
from pipeline.jobs.events import Event, Observer
from pipeline.jobs.memory import give_back
from pipeline.jobs.run_context import RunResult, finish_run
from pipeline.jobs.scope_listing import Listing
from pipeline.lake import Lake
from pipeline.lake.run_record import Outcome, RunRecord, now
from pipeline.lake.snapshot import Snapshot
from pipeline.load.snapshot_writer import SnapshotWriter, new_snapshot
from pipeline.model.page import Scope
from pipeline.settings import Settings


def publish(
    settings: Settings,
    lake: Lake,
    run: RunRecord,
    previous: Snapshot | None,
    listings: Mapping[Scope, Callable[[], Listing]],
    observe: Observer,
    *,
    strict: bool = False,
) -> RunResult:
    """Write the new snapshot, move CURRENT, and bring lake.duckdb up to date.

    `listings` has a call for each scope that waits for its listing; others may still be under way. A scope without
    one keeps its rows.
    """
    with new_snapshot(lake, run.run_id, previous) as new:
        for scope in sorted(listings.keys() | (previous.sources.keys() if previous else set())):
            if scope not in listings:
                new.carry_forward(scope)
                continue
            with run.timed("extract"):
                listing = listings[scope]()
            observe(Event("flattening", scope))
            with run.timed("flatten"):
                _add(new, scope, listing, previous)
            run.scopes.append(listing.record)
        run.end(_outcome(run))
        if strict and run.outcome is Outcome.PARTIAL:
            run.end(Outcome.FAILED, "nothing is published unless everything is complete (--strict)")
        if run.outcome is not Outcome.FAILED:
            with run.timed("load"):
                new.seal(created_at=now(), software=run.software, run=partial(_as_published, run))
    if run.outcome is not Outcome.FAILED:
        run.snapshot = run.run_id if new.is_changed or previous is None else previous.id
        observe(Event("published" if new.is_changed else "unchanged", detail=run.snapshot))
    return finish_run(settings, lake, run, new.warning)


def _add(new: SnapshotWriter, scope: Scope, listing: Listing, previous: Snapshot | None) -> None:
    if listing.landed is None:
        new.carry_forward(scope)
    elif is_unchanged(listing.landed, previous):
        carry_forward(new, listing.landed, listing.record)
    else:
        give_back()
        add_scope(new, listing.landed, listing.record)


def _outcome(run: RunRecord) -> Outcome:
    """Return complete, partial, or, if no scope was listed to its end, failed."""
    is_complete = all(scope.outcome is Outcome.COMPLETE for scope in run.scopes)
    if is_complete and not any(detail.outcome is Outcome.FAILED for scope in run.scopes for detail in scope.details):
        return Outcome.COMPLETE
    has_rows = any(scope.outcome is Outcome.COMPLETE or scope.versions or scope.projects for scope in run.scopes)
    return Outcome.PARTIAL if has_rows else Outcome.FAILED


def _as_published(run: RunRecord) -> dict[str, object]:
    """Return the record that the snapshot carries, for a run that is killed between publishing and writing its own."""
    return {**run.document, "snapshot": run.run_id}
