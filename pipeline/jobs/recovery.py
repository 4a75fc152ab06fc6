"""What a writer does first: clear what writers that died have left, so that the lake is as if they had never begun."""

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

LIVING = timedelta(days=1)
"""How old something must be on S3, where no lock tells the dead from the living, before it is taken for left over."""


def recover(lake: Lake) -> Snapshot | None:
    """Clear what was left, and return the published snapshot; LakeError if it is damaged.

    A run that was killed just after it had published gets the record that its snapshot carries; then the records of
    days that have ended are compacted.
    """
    lake.sweep()
    published = snapshot.find(lake)
    if published and "run" in published.manifest and not run_record.has_published(run_log.read(lake, published.id)):
        run_record.write(lake, published.manifest["run"])
    run_log.compact(lake)
    for orphan in orphans(lake, published):
        lake.remove(f"{SNAPSHOTS}/{orphan}")
    if published and lake.is_local:  # elsewhere each file is read and verified when it is needed
        published.verify()
    return published


def orphans(lake: Lake, published: Snapshot | None) -> Iterator[str]:
    """Yield the snapshots whose run died, or lost the lake to another, before CURRENT named them."""
    for one in lake.entries(SNAPSHOTS):
        is_later = _is_later(one, published.id) if published else _is_first(lake, one)
        if is_later and not run_record.has_published(run_log.read(lake, one)) and _is_dead(lake, one):
            yield one


def _is_later(run_id: str, published: str) -> bool:
    """Whether a run began after another, or in the same second: what follows the time in an id is chance."""
    return run_id != published and run_id[: run_record.ID_TIME_LENGTH] >= published[: run_record.ID_TIME_LENGTH]


def _is_first(lake: Lake, snapshot_id: str) -> bool:
    """Whether no snapshot came before it: without CURRENT nothing else tells it from one that was published."""
    try:
        manifest: Mapping[str, Any] = snapshot.read(lake, snapshot_id).manifest
    except LakeError:
        return False
    return "parent" in manifest and manifest["parent"] is None


def _is_dead(lake: Lake, run_id: str) -> bool:
    started = run_record.started_at(run_id)
    return lake.is_local or (started is not None and datetime.now(UTC) - started > LIVING)


def resumable(lake: Lake, within: timedelta, published: Snapshot | None) -> dict[Scope, LandedScope]:
    """Return the newest whole listing of each scope that a run landed and did not live to publish.

    Only listings that ended `within` that time, and later than any that was published, or found to change nothing.
    """
    now = datetime.now(UTC)
    records = {found["run_id"]: found for found in run_log.newest_first(lake, now - 2 * LIVING)}
    newest = {scope: source.listed_at for scope, source in published.sources.items()} if published else {}
    for scope, listed_at in run_record.listings(records.values()):
        newest[scope] = max(listed_at, newest.get(scope, listed_at))
    found: dict[Scope, LandedScope] = {}
    for run_id in _recent(lake):
        for one in () if run_record.has_published(records.get(run_id)) else _landed(lake, run_id):
            is_young = one.complete and now - within <= one.listed_at <= now
            is_newest = one.scope not in newest or one.listed_at > newest[one.scope]
            if is_young and is_newest and landing.is_sound(one):
                newest[one.scope] = one.listed_at
                found[one.scope] = one
    return found


def clear_dead_runs(lake: Lake, living: str, published: Snapshot | None, still_good: Container[LandedScope]) -> None:
    """Remove the landed pages of runs that were killed, but for those that are `still_good` for a later sync.

    `living` is the run that asks: it has landed pages, those it took over, and no record yet either. Only of the last
    days: what is older and has lost its record is left for `reklake gc` to judge.
    """
    since = datetime.now(UTC) - 2 * LIVING
    known = {living, *run_log.run_ids(lake, since)}
    if published:
        known.update(run for one in published.sources.values() for run in one.runs)
    dead = [run_id for run_id in _recent(lake) if run_id not in known and _is_dead(lake, run_id)]
    if dead:
        known.update(one["arguments"]["run"] for one in run_log.newest_first(lake, since) if one["kind"] == "replay")
        for run_id in dead:
            if run_id not in known and not any(one in still_good for one in _landed(lake, run_id)):
                lake.remove(landing.folder(run_id))


def _recent(lake: Lake) -> list[str]:
    """Return the runs of the last days that have landed pages, oldest first."""
    since = datetime.now(UTC) - 2 * LIVING
    return [one for one in lake.entries(RAW) if (started := run_record.started_at(one)) and started > since]


def _landed(lake: Lake, run_id: str) -> Iterator[LandedScope]:
    """Yield a run's landed scopes; a damaged file is none."""
    for scope in landing.scopes_of(lake, run_id):
        with suppress(LakeError):
            yield landing.scope_file(lake, run_id, scope)
