"""Return to an earlier snapshot: CURRENT moves back, nothing is removed, and the next sync goes on from there."""

from __future__ import annotations

from pipeline.errors import LakeError, UsageError
from pipeline.jobs.run_context import Result, finish_run, run_context
from pipeline.lake import RUNS, SNAPSHOTS, Lake, open_lake, run_log, run_record, snapshot
from pipeline.lake.run_record import Outcome, RunRecord, ScopeRecord, text_of
from pipeline.lake.snapshot import Snapshot
from pipeline.settings import Settings


def rollback(settings: Settings, snapshot_id: str | None) -> Result:
    """Publish that snapshot again; None: the last one before the current that is whole.

    LakeError if it is damaged, or none is whole; UsageError if there is no such snapshot or it is the current one;
    BusyError if another writer has the lake.
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
        target = _whole(lake, snapshot_id) if snapshot_id else _last_whole(lake, pointer.value if pointer else None)
        lake.point(target.id, pointer)
        run.snapshot = target.id
        for scope, source in target.sources.items():
            shown = ScopeRecord(scope.account_id, scope.region, Outcome.COMPLETE)
            shown.listed_at = text_of(source.listed_at)
            run.scopes.append(shown)
        run.end(Outcome.COMPLETE)
        return finish_run(settings, lake, run)


def _whole(lake: Lake, snapshot_id: str) -> Snapshot:
    found = snapshot.read(lake, snapshot_id)
    if damage := found.damage():
        raise LakeError(f"{lake}: snapshot {snapshot_id} is damaged: {'; '.join(damage)}. Name another one.")
    return found


def _last_whole(lake: Lake, current: str | None) -> Snapshot:
    earlier = _earlier(lake, current)
    for one in earlier:
        try:
            return _whole(lake, one)
        except LakeError:
            continue  # an earlier one may be whole
    raise LakeError(
        f"{lake}: no earlier snapshot is whole; looked at: {_named(earlier)}. Replay the landed runs into a new lake "
        "with `reklake replay --all`, or sync into one."
    )


def _earlier(lake: Lake, current: str | None) -> list[str]:
    """Return the snapshots that were published before the current one, newest first."""
    names = [one for one in lake.entries(SNAPSHOTS) if one != current and _was_published(lake, one)]
    is_there = current in lake.entries(SNAPSHOTS)
    return [one for one in reversed(names) if not is_there or one < str(current)]


def _was_published(lake: Lake, snapshot_id: str) -> bool:
    """Whether a record says so; without any record at all, every snapshot may have been."""
    return not lake.entries(RUNS) or run_record.has_published(run_log.read(lake, snapshot_id))


def _named(snapshots: list[str]) -> str:
    return ", ".join(snapshots) or "none"
