"""Recovery from runs that died: what a writer clears, completes or takes over before it starts its own work."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline import landing
from pipeline.errors import LakeError
from pipeline.lake import RAW, SNAPSHOTS, Lake, run_log, run_record, snapshot
from pipeline.lake.snapshot import Snapshot
from pipeline.landing import LandedScope
from pipeline.model.page import Scope

DEAD_AFTER = timedelta(days=1)
"""Age at which a run without a record counts as dead on S3, where no lock tells whether it still runs."""


def recover(lake: Lake) -> Snapshot | None:
    """Clear what dead runs left, and return the published snapshot; LakeError if it is damaged.

    A run that was killed just after it published gets the record that its snapshot carries. Then the records of days
    that have ended are compacted.
    """
    lake.sweep()
    published = snapshot.find(lake)
    if published and "run" in published.manifest and not run_record.has_published(run_log.read(lake, published.id)):
        run_record.write(lake, published.manifest["run"])
    run_log.compact(lake)
    for orphan in orphans(lake, published):
        lake.remove(f"{SNAPSHOTS}/{orphan}")
    if published and lake.is_local:  # elsewhere each file is verified when it is needed
        published.verify()
    return published


def orphans(lake: Lake, published: Snapshot | None) -> Iterator[str]:
    """Yield the snapshots whose run died, or lost against another run, before CURRENT named them."""
    for snapshot_id in lake.entries(SNAPSHOTS):
        is_later = _is_later(snapshot_id, published.id) if published else _is_first(lake, snapshot_id)
        has_published = run_record.has_published(run_log.read(lake, snapshot_id))
        if is_later and not has_published and _is_dead(lake, snapshot_id):
            yield snapshot_id


def _is_later(run_id: str, published: str) -> bool:
    """Whether a run began after another, or in the same second: the rest of an id is random."""
    return run_id != published and run_id[: run_record.ID_TIME_LENGTH] >= published[: run_record.ID_TIME_LENGTH]


def _is_first(lake: Lake, snapshot_id: str) -> bool:
    """Whether it has no parent. Without CURRENT, nothing else tells that a snapshot was never published."""
    try:
        manifest: Mapping[str, Any] = snapshot.read(lake, snapshot_id).manifest
    except LakeError:
        return False
    return "parent" in manifest and manifest["parent"] is None


def _is_dead(lake: Lake, run_id: str) -> bool:
    started = run_record.started_at(run_id)
    return lake.is_local or (started is not None and datetime.now(UTC) - started > DEAD_AFTER)


def resumable(lake: Lake, within: timedelta, published: Snapshot | None) -> dict[Scope, LandedScope]:
    """Return the newest whole listing of each scope that a dead run landed but did not publish.

    It ended `within` that time, and later than any listing of the scope that was published or changed nothing.
    """
    now = datetime.now(UTC)
    records = {found["run_id"]: found for found in run_log.newest_first(lake, now - 2 * DEAD_AFTER)}
    newest = {scope: source.listed_at for scope, source in published.sources.items()} if published else {}
    for scope, listed_at in run_record.listings(records.values()):
        newest[scope] = max(listed_at, newest.get(scope, listed_at))
    found: dict[Scope, LandedScope] = {}
    for run_id in _recent(lake):
        if run_record.has_published(records.get(run_id)):
            continue
        for landed in _landed(lake, run_id):
            is_young = landed.complete and now - within <= landed.listed_at <= now
            is_newest = landed.scope not in newest or landed.listed_at > newest[landed.scope]
            if is_young and is_newest and landing.is_readable(landed):
                newest[landed.scope] = landed.listed_at
                found[landed.scope] = landed
    return found


def clear_dead_runs(lake: Lake, run_id: str, published: Snapshot | None, resumable: Container[LandedScope]) -> None:
    """Remove the landed pages of dead runs, except runs with a scope that a later sync may resume (`resumable`).

    `run_id` is the run that clears: it already has landed pages, those it took over, but no record yet. Only runs of
    the last days are looked at; `reklake gc` removes older ones.
    """
    since = datetime.now(UTC) - 2 * DEAD_AFTER
    known = {run_id, *run_log.run_ids(lake, since)}
    if published:
        known.update(run for source in published.sources.values() for run in source.runs)
    dead = [run for run in _recent(lake) if run not in known and _is_dead(lake, run)]
    if dead:
        records = run_log.newest_first(lake, since)
        known.update(record["arguments"]["run"] for record in records if record["kind"] == "replay")
        for run in dead:
            if run not in known and not any(landed in resumable for landed in _landed(lake, run)):
                lake.remove(landing.folder(run))


def _recent(lake: Lake) -> list[str]:
    """Return the runs of the last days that have landed pages, oldest first."""
    since = datetime.now(UTC) - 2 * DEAD_AFTER
    return [run for run in lake.entries(RAW) if (started := run_record.started_at(run)) and started > since]


def _landed(lake: Lake, run_id: str) -> Iterator[LandedScope]:
    """Yield a run's landed scopes without those whose file is damaged."""
    for scope in landing.scopes_of(lake, run_id):
        with suppress(LakeError):
            yield landing.scope_file(lake, run_id, scope)
