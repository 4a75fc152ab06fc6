"""Garbage collection: removes snapshots, landed pages and JSON run records that a lake no longer needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.errors import LakeError
from pipeline.jobs import recovery
from pipeline.lake import DATABASE, RAW, SNAPSHOTS, Lake, open_lake, run_log, run_record, snapshot
from pipeline.lake.snapshot import Snapshot
from pipeline.landing import LandedScope
from pipeline.query import database
from pipeline.settings import Retention, Settings


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that may go: its name in the lake, its size in bytes, and the reason."""

    name: str
    bytes: int
    reason: str


def collect_garbage(settings: Settings, *, is_dry: bool) -> list[Removal]:
    """Remove what the retention settings do not keep, and return it; with `is_dry`, only return it.

    LakeError if the lake has no published snapshot or is damaged; BusyError if another writer has it.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    if is_dry:
        return list(_removals(lake, settings, snapshot.current(lake)))
    snapshot.current(lake)  # raises if there is no lake, which locking would create
    try:
        with lake.locked("gc"):
            current = snapshot.current(lake)
            removals = list(_removals(lake, settings, current))
            lake.sweep()
            for removal in removals:
                lake.remove(removal.name)
    except OSError as error:
        raise LakeError(f"{lake}: {error}. Fix that and run again; nothing that is needed was removed.") from error
    return removals


def _removals(lake: Lake, settings: Settings, current: Snapshot) -> Iterator[Removal]:
    """Yield what may go: snapshots before the raw pages that they refer to, so that a stop in between is harmless."""
    keep = settings.retention
    now = datetime.now(UTC)
    snapshots = set(_kept_snapshots(lake, current, keep, now))
    yield from _others(lake, SNAPSHOTS, snapshots, f"not among the newest {keep.snapshots}, {_age(keep.snapshot_days)}")
    young = {run_id for run_id in lake.entries(RAW) if not _is_older(run_id, now, keep.raw_days)}
    landed = {*_sources(lake, snapshots), *young, *_resumable(lake, settings, current)}
    yield from _others(lake, RAW, landed, f"no snapshot that stays has rows of it, {_age(keep.raw_days)}")
    for name in run_log.superseded(lake, now - run_log.OVERLAP):
        yield Removal(name, lake.size(name), "the record stands in the Parquet file of its day")


def _others(lake: Lake, folder: str, kept: set[str], reason: str) -> Iterator[Removal]:
    """Yield the runs or snapshots of a folder that are not kept. Entries without a time in their name are not ours."""
    for entry in lake.entries(folder):
        if entry not in kept and run_record.started_at(entry):
            name = f"{folder}/{entry}"
            yield Removal(name, lake.size(name), reason)


def _kept_snapshots(lake: Lake, current: Snapshot, keep: Retention, now: datetime) -> Iterator[str]:
    """Yield the snapshots that stay: the current one, the one that lake.duckdb reads, the newest and the young ones."""
    yield current.id
    if lake.is_local and (shown := database.shown_by(lake.root / DATABASE)):
        yield shown
    orphans = set(recovery.orphans(lake, current))
    published = [name for name in lake.entries(SNAPSHOTS) if name not in orphans and run_record.started_at(name)]
    yield from published[-keep.snapshots :]
    yield from (name for name in published if not _is_older(name, now, keep.snapshot_days))


def _sources(lake: Lake, snapshots: set[str]) -> Iterator[str]:
    """Yield the runs whose pages the rows of these snapshots came from: verify and replay need them."""
    for snapshot_id in snapshots:
        try:
            for source in snapshot.read(lake, snapshot_id).sources.values():
                yield from source.runs
        except LakeError:
            continue  # damaged, so it cannot be known what it refers to


def _resumable(lake: Lake, settings: Settings, current: Snapshot) -> set[str]:
    found: Mapping[Any, LandedScope] = recovery.resumable(lake, timedelta(seconds=settings.resume_within), current)
    return {landed.run_id for landed in found.values()}


def _is_older(run_id: str, now: datetime, days: float) -> bool:
    """Whether a run began more than `days` ago."""
    started_at = run_record.started_at(run_id)
    return started_at is not None and now - started_at > timedelta(days=days)


def _age(days: float) -> str:
    return f"older than {days:g} days"
