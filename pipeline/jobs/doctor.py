"""Checks for problems: the software, AWS and the lake. Each finding suggests a fix."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline import landing
from pipeline.errors import BusyError, LakeError, UsageError
from pipeline.extract import probe
from pipeline.jobs import gc, recovery
from pipeline.jobs.units import counted, size
from pipeline.lake import DATABASE, RUNS, SNAPSHOTS, Lake, open_lake, run_log, run_record, snapshot
from pipeline.lake.installed import software
from pipeline.lake.snapshot import Snapshot
from pipeline.model.finding import Finding, fail, ok, parted, warn
from pipeline.query import database
from pipeline.settings import Settings, check_consistency

SYNCS_FREE = 3
"""Snapshots of the current one's size that should fit beside it: while one is written, two are there."""


def examine(settings: Settings, *, is_aws: bool = True, is_lake: bool = True, fix: bool = False) -> Iterator[Finding]:
    """Yield what is found, as it is found. Changes nothing, but with `fix` rebuilds lake.duckdb where that is wrong.

    UsageError if the settings contradict one another, before anything is found.
    """
    if is_aws:
        check_consistency(settings.aws)
    yield ok("versions", ", ".join(f"{name} {version}" for name, version in software().items()))
    if is_aws:
        yield from probe.examine(settings.aws)
    if is_lake:
        try:
            yield from _lake(settings, fix=fix)
        except (LakeError, UsageError) as error:  # the lake cannot be reached at all
            yield fail("lake", *parted(str(error)))


def _lake(settings: Settings, *, fix: bool) -> Iterator[Finding]:
    lake = open_lake(settings.lake, settings.aws.profile)
    if not lake.exists() and not (lake.is_local and lake.root.exists()):
        yield warn("lake", f"{lake}: nothing was published yet", "reklake sync")
        return
    snapshot.check_exists(lake)
    current: Snapshot | None = None
    try:
        current = snapshot.find(lake)
    except LakeError as error:
        yield fail("CURRENT", str(error), "reklake rollback")
    else:
        if current:
            yield ok("CURRENT", f"names snapshot {current.id}")
        else:
            yield warn("CURRENT", "nothing was published yet", "reklake sync")
    yield from _snapshots(lake, current)
    yield from _run_records(lake, current)
    yield from _quota(lake, settings.aws.rate)
    holder = lake.holder()
    if not lake.is_local:
        yield ok("writer", "not known: lakes on S3 have no lock, the write of CURRENT decides")
    else:
        yield ok("writer", f"at work: {holder}" if holder else "none at work")
    if not holder:
        yield _leftovers(lake, current)
    if current:
        yield _landed_pages(lake, current)
        yield _retention(settings)
    if current and lake.is_local:
        yield _database(lake, current, settings, fix=fix)
        yield _space(lake, current)


def _snapshots(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    """Read every file of every snapshot, and compare it with its checksum."""
    names = lake.entries(SNAPSHOTS)
    intact = 0
    for name in names:
        try:
            damage = "; ".join(snapshot.read(lake, name).damage())
        except LakeError as error:
            damage = str(error)
        if not damage:
            intact += 1
        elif current and name == current.id:
            yield fail(f"snapshot {name}", damage, "reklake rollback")
        else:
            yield warn(f"snapshot {name}", damage, f"remove {SNAPSHOTS}/{name}: nothing can return to it")
    if intact:
        yield ok("snapshots", f"{intact:,} of {len(names):,} are as they were written")


def _landed_pages(lake: Lake, current: Snapshot) -> Finding:
    """Look for the landed files that the current rows come from."""
    files = [(run_id, scope) for scope, source in current.sources.items() for run_id in sorted(source.runs)]
    errors = []
    for run_id, scope in files:
        try:
            landing.scope_file(lake, run_id, scope)
        except LakeError as error:
            errors.append(str(error))
    if errors:
        message = f"{len(errors):,} of {counted(len(files), 'file')} cannot be read, such as: {errors[0]}"
        remedy = "none is needed: the next sync lands new ones; until then `verify`, `replay` and `explain` lack them"
        return warn("landed pages", message, remedy)
    return ok("landed pages", f"{counted(len(files), 'file')} of {counted(len(current.sources), 'scope')} are there")


def _run_records(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    files = [name for name in run_log.needed(lake) if name.endswith(run_record.SUFFIX)]
    unreadable = [name for name in files if run_log.read(lake, name.removesuffix(run_record.SUFFIX)) is None]
    for name in unreadable:
        message = f"{RUNS}/{name} is no run record"
        yield warn("run records", message, "remove it; `runs` lacks that run")
    if current and "run" in current.manifest and not run_record.has_published(run_log.read(lake, current.id)):
        yield warn("run records", f"run {current.id} was killed before it wrote its record", "reklake sync")
    elif not unreadable:
        yield ok("run records", f"{len(run_log.run_ids(lake)):,} can be read")


def _quota(lake: Lake, rate: float) -> Iterator[Finding]:
    newest = next((run for run in run_log.newest_first(lake) if run["kind"] == "sync" and run["scopes"]), None)
    if newest:
        yield quota_used(newest, rate)


def quota_used(run: Mapping[str, Any], rate: float) -> Finding:
    """Judge the record of a sync: how fast its busiest operation was called, and whether AWS throttled it."""
    paces: list[tuple[float, str]] = []
    throttles: list[tuple[int, str]] = []
    for scope in run["scopes"]:
        where = f"{scope['account_id']}/{scope['region']}"
        seconds = max(scope.get("seconds", 0.0), 1.0)  # a burst is no pace
        calls = scope.get("calls_by_operation") or {"all calls": scope.get("calls", 0)}
        paces += [(count / seconds, f"{operation} in {where}") for operation, count in calls.items()]
        throttles.append((scope.get("throttles", 0), where))
    pace, busiest = max(paces)
    message = f"the last sync made up to {pace:.1f} calls a second ({busiest}; the rate is {rate:g})"
    most, worst = max(throttles)
    if not most:
        return ok("quota", f"{message}, and was never throttled")
    total = sum(count for count, _ in throttles)
    message += f", and was throttled {total:,} times, most in {worst}"
    return warn("quota", message, "lower --rate, or find out who else calls there")


def _leftovers(lake: Lake, current: Snapshot | None) -> Finding:
    orphans = [f"{SNAPSHOTS}/{name}" for name in recovery.orphans(lake, current)]
    if names := [*lake.leftovers(), *orphans]:
        return warn("leftovers", f"of writers that died: {', '.join(names)}", "reklake sync clears them")
    return ok("leftovers", "none")


def _retention(settings: Settings) -> Finding:
    if removals := gc.collect_garbage(settings, is_dry=True):
        freed = size(sum(removal.bytes for removal in removals))
        return warn("retention", f"{len(removals):,} to delete, {freed}", "reklake gc --delete")
    return ok("retention", "nothing is past its time")


def _database(lake: Lake, current: Snapshot, settings: Settings, *, fix: bool) -> Finding:
    """Compare lake.duckdb with what it should define; with `fix` rebuild it, as the lake's one writer."""
    try:
        if database.is_current(lake.root, snapshot=current.folder(), prices=settings.prices):
            return ok(DATABASE, f"shows snapshot {current.id}")
        if not fix:
            message = f"does not define what it should over snapshot {current.id}"
            return warn(DATABASE, message, "`reklake doctor --fix` rebuilds it, and so does every sync")
        with lake.locked("doctor"):
            published = snapshot.current(lake)
            database.refresh(lake.root, snapshot=published.folder(), prices=settings.prices)
        return ok(DATABASE, f"rebuilt: it did not define what it should over snapshot {published.id}")
    except (LakeError, BusyError) as error:
        return warn(DATABASE, *parted(str(error)))


def _space(lake: Lake, current: Snapshot) -> Finding:
    free = shutil.disk_usage(lake.root).free
    needed = sum(file["bytes"] for file in current.files.values())
    message = f"{size(free)} free, a snapshot takes {size(needed)}"
    return ok("space", message) if free >= SYNCS_FREE * needed else warn("space", message, "reklake gc, or make room")
