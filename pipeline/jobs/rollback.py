"""Return to an earlier snapshot: CURRENT moves back and nothing is removed. The next sync goes on from there."""

from __future__ import annotations

from pipeline.errors import LakeError, UsageError
from pipeline.jobs.run_context import RunResult, finish_run, run_context
from pipeline.lake import RUNS, SNAPSHOTS, Lake, open_lake, run_log, run_record, snapshot
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord, text_of
from pipeline.lake.snapshot import Snapshot
from pipeline.settings import Settings


def rollback(settings: Settings, snapshot_id: str | None) -> RunResult:
    """Publish a snapshot again; None: the newest intact one before the current one.

    LakeError if it is damaged, or no earlier one is intact; UsageError if there is no such snapshot or it is the
    current one; BusyError if another writer has the lake.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    snapshot.check_exists(lake)
    if snapshot_id is not None and snapshot_id not in lake.entries(SNAPSHOTS):
        known = _named(_earlier(lake, None)[:5])
        raise UsageError(f"{lake}: there is no snapshot {snapshot_id}. Newest first: {known}.")
    run = RunRecord.begin("rollback", {"snapshot": snapshot_id})
    with run_context(lake, run):
        lake.sweep()
        pointer = lake.pointer()
        if pointer and snapshot_id == pointer.value:
            raise UsageError(f"{lake}: {snapshot_id} is the current snapshot. Others: {_named(_earlier(lake, None))}.")
        target = _intact(lake, snapshot_id) if snapshot_id else _newest_intact(lake, pointer.value if pointer else None)
        lake.point(target.id, pointer)
        run.snapshot = target.id
        for scope, source in target.sources.items():
            record = ScopeRecord(scope.account_id, scope.region, Outcome.COMPLETE)
            record.listed_at = text_of(source.listed_at)
            run.scopes.append(record)
        run.end(Outcome.COMPLETE)
        return finish_run(settings, lake, run)


def _intact(lake: Lake, snapshot_id: str) -> Snapshot:
    found = snapshot.read(lake, snapshot_id)
    if damage := found.damage():
        raise LakeError(f"{lake}: snapshot {snapshot_id} is damaged: {'; '.join(damage)}. Name another snapshot.")
    return found


def _newest_intact(lake: Lake, current: str | None) -> Snapshot:
    earlier = _earlier(lake, current)
    for snapshot_id in earlier:
        try:
            return _intact(lake, snapshot_id)
        except LakeError:
            continue  # an earlier one may be intact
    raise LakeError(
        f"{lake}: no earlier snapshot is intact; checked: {_named(earlier)}. Replay the landed runs into a new lake "
        "with `reklake replay --all`, or sync into one."
    )


def _earlier(lake: Lake, current: str | None) -> list[str]:
    """Return the snapshots that were published before the current one, newest first."""
    names = [name for name in lake.entries(SNAPSHOTS) if name != current and _was_published(lake, name)]
    is_there = current in lake.entries(SNAPSHOTS)
    return [name for name in reversed(names) if not is_there or name < str(current)]


def _was_published(lake: Lake, snapshot_id: str) -> bool:
    """Whether a record says so. In a lake without any record, every snapshot may have been published."""
    return not lake.entries(RUNS) or run_record.has_published(run_log.read(lake, snapshot_id))


def _named(snapshots: list[str]) -> str:
    return ", ".join(snapshots) or "none"
