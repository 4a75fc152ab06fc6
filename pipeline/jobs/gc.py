"""Which snapshots, landed pages and run records a lake can do without, and their removal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline import landing
from pipeline.errors import LakeError
from pipeline.jobs import recovery as tidy
from pipeline.lake import Lake, open_lake, snapshot
from pipeline.lake import run_record as record
from pipeline.lake.snapshot import Snapshot
from pipeline.landing import LandedScope
from pipeline.query import database as warehouse
from pipeline.settings import Retention, Settings


@dataclass(frozen=True, slots=True)
class Removal:
    """Something past its time that nothing refers to: its name in the lake, its bytes, and why it may go."""

    name: str
    bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays, by kind: the ids of snapshots, of runs with their landed pages, and of runs with their records."""

    snapshots: set[str] = field(default_factory=set)
    raw: set[str] = field(default_factory=set)
    records: set[str] = field(default_factory=set)


def collect(settings: Settings, *, is_dry: bool) -> list[Removal]:
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
    records = record.documents(lake)
    kept = Kept()
    kept.snapshots.update(_kept_snapshots(lake, current, keep, now))
    yield from _rest(
        lake, snapshot.FOLDER, kept.snapshots, f"not among the newest {keep.snapshots}, {_age(keep.snapshot_days)}"
    )
    sources = set(_sources(lake, kept.snapshots))
    young = {one for one in lake.entries(landing.FOLDER) if not _is_older(one, now, keep.raw_days)}
    kept.raw.update(sources | young | _resumable(lake, settings, current))
    yield from _rest(lake, landing.FOLDER, kept.raw, f"no snapshot that stays has rows of it, {_age(keep.raw_days)}")
    kept.records.update(kept.raw | set(_last_of_scopes(records)) | set(_told_by_history(records)))
    kept.records.update(one for one in record.run_ids(lake) if not _is_older(one, now, keep.run_days))
    files = {f"{one}{record.SUFFIX}" for one in kept.records}
    yield from _rest(lake, record.FOLDER, files, f"nothing that stays is of this run, {_age(keep.run_days)}")


def _rest(lake: Lake, folder: str, kept: set[str], reason: str) -> Iterator[Removal]:
    for entry in lake.entries(folder):
        if entry not in kept and record.began(entry):  # what has no time in its name is not ours
            name = f"{folder}/{entry}"
            yield Removal(name, lake.size(name), reason)


def _kept_snapshots(lake: Lake, current: Snapshot, keep: Retention, now: datetime) -> Iterator[str]:
    """Yield the snapshots that stay: the current one, what lake.duckdb reads, the newest, the young."""
    yield current.id
    if lake.is_local and (shown := warehouse.shown_by(lake.root / warehouse.FILE)):
        yield shown
    orphans = set(tidy.orphans(lake, current))
    published = [one for one in lake.entries(snapshot.FOLDER) if one not in orphans and record.began(one)]
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
    found: Mapping[Any, LandedScope] = tidy.resumable(lake, timedelta(seconds=settings.resume_within), current)
    return {one.run_id for one in found.values()}


def _told_by_history(records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the runs that changed something: the instants of the history are theirs, for as long as it is kept."""
    yield from (run_id for run_id, document in records.items() if document.get("snapshot") == run_id)


def _last_of_scopes(records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the runs that say how fresh each scope is: its first and last attempts, and its last complete listing."""
    first: dict[tuple[str, str], str] = {}
    last: dict[tuple[str, str, str], str] = {}
    for run_id, document in records.items():
        for one in document["scopes"]:
            scope = one["account_id"], one["region"]
            first.setdefault(scope, run_id)
            outcome = one["outcome"] if record.has_published(document) else "unpublished"
            last[*scope, f"{document['kind']} {outcome}"] = run_id
    yield from first.values()
    yield from last.values()


def _is_older(run_id: str, now: datetime, days: float) -> bool:
    """Whether a run began longer ago than that."""
    began = record.began(run_id)
    return began is not None and now - began > timedelta(days=days)


def _age(days: float) -> str:
    return f"older than {days:g} days"
