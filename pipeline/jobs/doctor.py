"""Is all well? Software, AWS and the lake are looked at, each thing with its mend; nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Mapping
from typing import Any

from pipeline import landing
from pipeline.errors import LakeError, UsageError
from pipeline.extract import probe
from pipeline.jobs import gc as retention
from pipeline.jobs import recovery as tidy
from pipeline.jobs import software
from pipeline.lake import DATABASE, RUNS, SNAPSHOTS, Lake, open_lake, run_log, snapshot
from pipeline.lake import run_record as record
from pipeline.lake.snapshot import Snapshot
from pipeline.model.finding import Finding, Level, parted
from pipeline.query import database as warehouse
from pipeline.settings import AwsSettings, Settings

SYNCS_FREE = 3
"""Snapshots of the current one's size that should fit beside it: while one is written, two are there."""


def examine(settings: Settings, *, is_aws: bool = True, is_lake: bool = True) -> Iterator[Finding]:
    """Look at the software, AWS and the lake, and yield what is found as it is found.

    UsageError if the settings contradict one another, at the first step.
    """
    at_aws = probe.examine(settings.aws) if is_aws else ()
    yield from software.examine()
    yield from at_aws
    if is_lake:
        try:
            yield from _lake(settings)
        except (LakeError, UsageError) as error:  # it cannot be reached at all
            yield Finding(Level.FAIL, "lake", *parted(str(error)))


def _lake(settings: Settings) -> Iterator[Finding]:
    lake = open_lake(settings.lake, settings.aws.profile)
    if not lake.exists() and not (lake.is_local and lake.root.exists()):
        yield Finding(Level.WARN, "lake", f"{lake}: nothing was published yet", "reklake sync")
        return
    snapshot.check_exists(lake)
    current = yield from _pointer(lake)
    yield from _snapshots(lake, current)
    yield from _landed(lake, current)
    yield from _records(lake, current)
    yield from _quota(lake, settings.aws)
    holder = lake.holder()
    yield Finding(Level.OK, "writer", _writer(lake, holder))
    if not holder:
        yield from _leftovers(lake, current)
    if current:
        yield from _retention(settings)
    if lake.is_local:
        yield from _database(lake, current)
        yield from _space(lake, current)


def _writer(lake: Lake, holder: str | None) -> str:
    if not lake.is_local:
        return "not known: lakes on S3 have no lock, the write of CURRENT decides"
    return f"at work: {holder}" if holder else "none at work"


def _pointer(lake: Lake) -> Generator[Finding, None, Snapshot | None]:
    """Return the current snapshot too, None if there is none or it cannot be used."""
    try:
        current = snapshot.find(lake)
    except LakeError as error:
        yield Finding(Level.FAIL, "CURRENT", str(error), "reklake rollback")
        return None
    if current is None:
        yield Finding(Level.WARN, "CURRENT", "nothing was published yet", "reklake sync")
    else:
        yield Finding(Level.OK, "CURRENT", f"names snapshot {current.id}")
    return current


def _snapshots(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    """Read every file of every snapshot, and compare it with its manifest."""
    for one in lake.entries(SNAPSHOTS):
        is_current = current is not None and one == current.id
        level = Level.FAIL if is_current else Level.WARN
        mend = "reklake rollback" if is_current else f"remove {SNAPSHOTS}/{one}: it cannot be returned to"
        try:
            found = snapshot.read(lake, one)
            damage = found.damage()
        except LakeError as error:
            if not is_current:  # of the current one it is said already
                yield Finding(level, f"snapshot {one}", str(error), mend)
            continue
        if damage:
            yield Finding(level, f"snapshot {one}", "; ".join(damage), mend)
        else:
            yield Finding(Level.OK, f"snapshot {one}", f"{len(found.files)} files are as they were written")


def _landed(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    """Look for the pages that the current rows came on."""
    sources = current.sources if current else {}
    damaged = 0
    for scope, run_id in [(scope, run_id) for scope, source in sources.items() for run_id in sorted(source.runs)]:
        try:
            landing.scope_file(lake, run_id, scope)
        except LakeError as error:
            damaged += 1
            yield Finding(
                Level.WARN, "landed pages", str(error), "none is needed; `reklake verify` and `replay` cannot use them"
            )
    if sources and not damaged:
        yield Finding(Level.OK, "landed pages", f"those of all {len(sources)} scopes are there")


def _records(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    runs = run_log.run_ids(lake)
    written = [name.removesuffix(record.SUFFIX) for name in run_log.needed(lake) if name.endswith(record.SUFFIX)]
    unreadable = [run_id for run_id in written if run_log.read(lake, run_id) is None]
    for run_id in unreadable:
        yield Finding(
            Level.WARN,
            "run records",
            f"{RUNS}/{run_id}{record.SUFFIX} is no run record",
            "remove it; `runs` lacks that run",
        )
    if current and "run" in current.manifest and not record.has_published(run_log.read(lake, current.id)):
        yield Finding(Level.WARN, "run records", f"run {current.id} was killed before its record", "reklake sync")
    elif not unreadable:
        yield Finding(Level.OK, "run records", f"{len(runs)} can be read")


def _quota(lake: Lake, aws: AwsSettings) -> Iterator[Finding]:
    """Tell from the newest sync how much of the quota it used, and whether AWS thought it too much."""
    newest = next((run for run in run_log.newest_first(lake) if run["kind"] == "sync" and run["scopes"]), None)
    if newest is not None:
        yield quota_used(newest, aws.rate)


def quota_used(document: Mapping[str, Any], rate: float) -> Finding:
    """Judge a sync's record: its busiest operation of all scopes, and its throttles."""
    paces = [
        (count / max(one.get("seconds", 0.0), 1.0), name, f"{one['account_id']}/{one['region']}")  # a burst is no pace
        for one in document["scopes"]
        for name, count in (one.get("calls_by_operation") or {"its calls": one.get("calls", 0)}).items()
    ]
    pace, operation, where = max(paces)
    said = f"the last sync made up to {pace:.1f} calls a second ({operation} in {where}; the rate is {rate:g})"
    throttled = {f"{one['account_id']}/{one['region']}": one.get("throttles", 0) for one in document["scopes"]}
    if not any(throttled.values()):
        return Finding(Level.OK, "quota", f"{said}, and was never throttled")
    worst = max(throttled, key=lambda scope: throttled[scope])
    said += f", and was throttled {sum(throttled.values()):,} times, most in {worst}"
    return Finding(Level.WARN, "quota", said, "lower --rate, or find out who else calls there")


def _retention(settings: Settings) -> Iterator[Finding]:
    removals = retention.collect_garbage(settings, is_dry=True)
    if removals:
        freed = sum(one.bytes for one in removals)
        said = f"{len(removals):,} things are past their time, {freed:,} bytes"
        yield Finding(Level.WARN, "retention", said, "reklake gc --delete")
    else:
        yield Finding(Level.OK, "retention", "nothing is past its time")


def _leftovers(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    names = [*lake.leftovers(), *(f"{SNAPSHOTS}/{one}" for one in tidy.orphans(lake, current))]
    if names:
        yield Finding(Level.WARN, "leftovers", f"of writers that died: {', '.join(names)}", "reklake sync clears them")
    else:
        yield Finding(Level.OK, "leftovers", "none")


def _database(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    path = lake.root / DATABASE
    if current is None:
        return
    shown = warehouse.shown_by(path) if path.exists() else None
    if shown == current.id:
        yield Finding(Level.OK, DATABASE, f"shows snapshot {shown}")
    else:
        what = f"shows snapshot {shown}" if shown else "cannot be opened" if path.exists() else "is not there"
        yield Finding(Level.WARN, DATABASE, f"{what}, not {current.id}", "reklake sync builds it again")


def _space(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    free = shutil.disk_usage(lake.root).free
    size = sum(one["bytes"] for one in current.files.values()) if current else 0
    if free < SYNCS_FREE * size:
        yield Finding(
            Level.WARN, "space", f"{free:,} bytes free, a snapshot takes {size:,}", "reklake gc, or make room"
        )
    else:
        yield Finding(Level.OK, "space", f"{free:,} bytes free, a snapshot takes {size:,}")
