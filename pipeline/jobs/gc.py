"""Which snapshots, landed pages and JSON records of runs a lake can do without, and their removal."""

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

COMPACTED = timedelta(days=1)
"""How long JSON records stay beside the Parquet file of their day: a query that began before it still reads them."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Something past its time that nothing refers to: its name in the lake, its bytes, and why it may go."""

    name: str
    bytes: int
    reason: str


def collect_garbage(settings: Settings, *, is_dry: bool) -> list[Removal]:
    """Remove what the retention settings leave nothing to refer to, or only say what that is.

    LakeError if the lake has no published snapshot or is damaged; BusyError if another writer has it.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    if is_dry:
        return list(_removals(lake, settings, snapshot.current(lake)))
    snapshot.current(lake)  # a lake that is not there is not made by locking it
    try:
        with lake.locked("gc"):
            current = snapshot.current(lake)
            removals = list(_removals(lake, settings, current))
            lake.sweep()
            for one in removals:
                lake.remove(one.name)
    except OSError as error:
        raise LakeError(f"{lake}: {error}. Mend that and run again; nothing that is needed was touched.") from error
    return removals


def _removals(lake: Lake, settings: Settings, current: Snapshot) -> Iterator[Removal]:
    """Yield what may go: snapshots before what they refer to, so that nothing is ever left without what it needs."""
    keep = settings.retention
    now = datetime.now(UTC)
    snapshots = set(_kept_snapshots(lake, current, keep, now))
    yield from _rest(lake, SNAPSHOTS, snapshots, f"not among the newest {keep.snapshots}, {_age(keep.snapshot_days)}")
    young = {run_id for run_id in lake.entries(RAW) if not _is_older(run_id, now, keep.raw_days)}
    landed = {*_sources(lake, snapshots), *young, *_resumable(lake, settings, current)}
    yield from _rest(lake, RAW, landed, f"no snapshot that stays has rows of it, {_age(keep.raw_days)}")
    for name in run_log.needless(lake, now - COMPACTED):
        yield Removal(name, lake.size(name), "the record stands in the Parquet file of its day")


def _rest(lake: Lake, folder: str, kept: set[str], reason: str) -> Iterator[Removal]:
    for entry in lake.entries(folder):
        if entry not in kept and run_record.started_at(entry):  # what has no time in its name is not ours
            name = f"{folder}/{entry}"
            yield Removal(name, lake.size(name), reason)


def _kept_snapshots(lake: Lake, current: Snapshot, keep: Retention, now: datetime) -> Iterator[str]:
    """Yield the snapshots that stay: the current one, what lake.duckdb reads, the newest, the young."""
    yield current.id
    if lake.is_local and (shown := database.shown_by(lake.root / DATABASE)):
        yield shown
    orphans = set(recovery.orphans(lake, current))
    published = [one for one in lake.entries(SNAPSHOTS) if one not in orphans and run_record.started_at(one)]
    yield from published[-keep.snapshots :]
    yield from (one for one in published if not _is_older(one, now, keep.snapshot_days))


def _sources(lake: Lake, snapshots: set[str]) -> Iterator[str]:
    """Yield the runs on whose pages the snapshots' rows came: verify and replay need them."""
    for one in snapshots:
        try:
            for source in snapshot.read(lake, one).sources.values():
                yield from source.runs
        except LakeError:
            continue  # damaged: it refers to nothing that can be known


def _resumable(lake: Lake, settings: Settings, current: Snapshot) -> set[str]:
    found: Mapping[Any, LandedScope] = recovery.resumable(lake, timedelta(seconds=settings.resume_within), current)
    return {one.run_id for one in found.values()}


def _is_older(run_id: str, now: datetime, days: float) -> bool:
    """Whether a run began longer ago than that."""
    began = run_record.started_at(run_id)
    return began is not None and now - began > timedelta(days=days)


def _age(days: float) -> str:
    return f"older than {days:g} days"
