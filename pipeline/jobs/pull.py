"""Copy a snapshot to a local folder: a lake of its own with all that queries need, verified on the way."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.errors import LakeError, UsageError
from pipeline.lake import MANIFEST, RAW, RUNS, SNAPSHOTS, Lake, LocalLake, open_lake, run_log, snapshot
from pipeline.lake.snapshot import Snapshot
from pipeline.query import database
from pipeline.settings import Settings


def pull(settings: Settings, folder: Path, snapshot_id: str | None = None) -> Snapshot:
    """Copy a snapshot (None: the published one) and the run records into the folder, and make it current there.

    Files that are already there are not copied again. UsageError if the folder holds something else, or a lake that
    syncs write to; LakeError if the snapshot is damaged or cannot be fetched; BusyError if the folder's lake is in use.
    """
    lake = open_lake(settings.lake, settings.aws.profile)
    target = LocalLake(folder.expanduser())
    snapshot.check_usable(target)
    if target.entries(RAW):
        raise UsageError(f"{target}: is a lake that syncs write to. Name another folder to pull into.")
    wanted = snapshot.read(lake, snapshot_id) if snapshot_id else snapshot.current(lake)
    try:
        with target.locked(f"pull of {wanted.id}"):
            target.sweep()
            _copy_snapshot(wanted, target)
            _copy_records(lake, target)
            pointer = target.pointer()
            if pointer is None or pointer.value != wanted.id:
                target.point(wanted.id, pointer)
            pulled = snapshot.current(target)
            database.refresh(target.root, snapshot=pulled.folder(), prices=settings.prices)
    except OSError as error:
        raise LakeError(f"{target}: {error}. Make room, or name another folder.") from error
    return pulled


def _copy_snapshot(wanted: Snapshot, target: LocalLake) -> None:
    if wanted.id in target.entries(SNAPSHOTS):
        if _is_intact(target, wanted.id):
            return
        target.remove(f"{SNAPSHOTS}/{wanted.id}")
    wanted.verify()
    with target.new_folder(f"{SNAPSHOTS}/{wanted.id}") as new:
        for name in [MANIFEST, *wanted.files]:
            (new.path / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(wanted.folder() / name, new.path / name)


def _is_intact(target: LocalLake, snapshot_id: str) -> bool:
    try:
        return not snapshot.read(target, snapshot_id).damage()
    except LakeError:
        return False


def _copy_records(lake: Lake, target: LocalLake) -> None:
    there = set(target.entries(RUNS))
    source = run_log.fetch(lake)
    for name in [name for name in run_log.needed(lake) if name not in there]:
        with target.new_file(f"{RUNS}/{name}") as path:
            shutil.copyfile(source / name, path)
