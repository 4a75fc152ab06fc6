"""Is the lake well? Everything that can be wrong with it is looked at, each with its mend; nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pipeline import landing, record, tidy
from pipeline.errors import LakeError
from pipeline.load import inspection, snapshot, warehouse
from pipeline.load.snapshot import Snapshot
from pipeline.settings import Settings
from pipeline.storage import Lake, open_lake

SYNCS_FREE = 3
"""Snapshots of the current one's size that should fit beside it: while one is written, two are there."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, and what to do about it; nothing if it is well."""

    level: Level
    subject: str
    message: str
    mend: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at the lake, and yield what is found as it is found. LakeError if it cannot be reached at all."""
    lake = open_lake(settings.lake, settings.aws.profile)
    snapshot.check_exists(lake)
    current = yield from _pointer(lake)
    yield from _snapshots(lake, current)
    yield from _landed(lake, current)
    yield from _records(lake, current)
    holder = lake.holder()
    yield Finding(Level.OK, "writer", _writer(lake, holder))
    if not holder:
        yield from _leftovers(lake, current)
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
    for one in lake.entries(snapshot.FOLDER):
        is_current = current is not None and one == current.id
        level = Level.FAIL if is_current else Level.WARN
        mend = "reklake rollback" if is_current else f"remove {snapshot.FOLDER}/{one}: it cannot be returned to"
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
    runs = record.run_ids(lake)
    unreadable = [one for one in runs if record.read(lake, one) is None]
    for one in unreadable:
        yield Finding(
            Level.WARN,
            "run records",
            f"{record.FOLDER}/{one}.json is no run record",
            "remove it; `runs` lacks that run",
        )
    if current and "run" in current.manifest and not record.has_published(record.read(lake, current.id)):
        yield Finding(Level.WARN, "run records", f"run {current.id} was killed before its record", "reklake sync")
    elif not unreadable:
        yield Finding(Level.OK, "run records", f"{len(runs)} can be read")


def _leftovers(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    names = [*lake.leftovers(), *(f"{snapshot.FOLDER}/{one}" for one in tidy.orphans(lake, current))]
    if names:
        yield Finding(Level.WARN, "leftovers", f"of writers that died: {', '.join(names)}", "reklake sync clears them")
    else:
        yield Finding(Level.OK, "leftovers", "none")


def _database(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    path = lake.root / warehouse.FILE
    if current is None:
        return
    shown = inspection.shown_by(path) if path.exists() else None
    if shown == current.id:
        yield Finding(Level.OK, warehouse.FILE, f"shows snapshot {shown}")
    else:
        what = f"shows snapshot {shown}" if shown else "cannot be opened" if path.exists() else "is not there"
        yield Finding(Level.WARN, warehouse.FILE, f"{what}, not {current.id}", "reklake sync builds it again")


def _space(lake: Lake, current: Snapshot | None) -> Iterator[Finding]:
    free = shutil.disk_usage(lake.root).free
    size = sum(one["bytes"] for one in current.files.values()) if current else 0
    if free < SYNCS_FREE * size:
        yield Finding(
            Level.WARN, "space", f"{free:,} bytes free, a snapshot takes {size:,}", "reklake gc, or make room"
        )
    else:
        yield Finding(Level.OK, "space", f"{free:,} bytes free, a snapshot takes {size:,}")
