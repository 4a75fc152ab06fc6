"""Snapshots: immutable folders of the declared tables, and the pointer to the published one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import LakeError, UsageError
from pipeline.load.tables import TableFile, rows_of
from pipeline.model import TABLES, parent_key, table
from pipeline.model.page import Scope
from pipeline.storage import sha256, whole_folder, write_text

FORMAT = 1
"""Of the layout; a reader refuses what is newer than itself."""
POINTER = "CURRENT"
MANIFEST = "manifest.json"
LAKE_ENTRIES = frozenset({POINTER, "snapshots", "raw", "runs", "evidence", "lake.duckdb"})


@dataclass(frozen=True, slots=True)
class Source:
    """The run whose landed pages a scope's rows come from.

    `whole` is False where a page of it could not be read: rows of the snapshot before it fill that gap.
    """

    run_id: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published state: its folder and what its manifest says."""

    id: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def sources(self) -> dict[Scope, Source]:
        """Where each scope's rows come from."""
        return {
            Scope(one["region"], one["account_id"]): Source(one["run_id"], whole=one["whole"])
            for one in self.manifest["scopes"]
        }

    @property
    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        return {name: entry["rows"] for name, entry in self.manifest["tables"].items()}

    def file(self, table: str) -> Path:
        """Where a table's Parquet file is."""
        return self.folder / f"{table}.parquet"


class SnapshotWriter:
    """A snapshot in the making: add scopes in their order, then `seal` it."""

    def __init__(self, folder: Path, snapshot_id: str, previous: Snapshot | None) -> None:
        self.id = snapshot_id
        self._folder = folder
        self._previous = previous
        self._files = {table.name: TableFile(table, folder / f"{table.name}.parquet") for table in TABLES}
        self._sources: dict[Scope, Source] = {}
        self.sealed: dict[str, Any] | None = None

    def add(self, tables: Mapping[str, pa.Table], settled: str | None = None) -> None:
        """Append rows of the scope that is being written, each table sorted by key; `settled` as in TableFile.add."""
        for name, rows in tables.items():
            self._files[name].add(rows, settled)

    def listed(self, scope: Scope, run_id: str, *, whole: bool = True) -> None:
        """Note that the scope's rows are those of that run's pages."""
        self._sources[scope] = Source(run_id, whole=whole)

    def carry(self, scope: Scope) -> None:
        """Take the scope's rows over from the previous snapshot as they are."""
        for name, rows in self._previous_rows(scope):
            self._files[name].add(rows)
        if self._previous and scope in self._previous.sources:
            self._sources[scope] = self._previous.sources[scope]

    def carry_beneath(self, scope: Scope, present: Mapping[str, pa.Array]) -> None:
        """Take over previous rows of the descriptions that this run did not see, with what is nested in them.

        `present` holds, by operation, the ARNs that this run has seen.
        """
        for name, rows in self._previous_rows(scope):
            arns = rows.column(parent_key(table(name)))
            self._files[name].add(rows.filter(pc.invert(pc.is_in(arns, present[table(name).operation]))))

    def _previous_rows(self, scope: Scope) -> Iterator[tuple[str, pa.Table]]:
        if self._previous and scope in self._previous.sources:
            for one in TABLES:
                path = self._previous.file(one.name)
                if path.exists():  # absent when an older version did not have the table
                    for rows in rows_of(path, one, scope.account_id, scope.region):
                        yield one.name, rows

    def seal(self, *, created_at: str, software: Mapping[str, str]) -> None:
        """Finish the files and write the manifest."""
        for file in self._files.values():
            file.close()
        self.sealed = {
            "format": FORMAT,
            "id": self.id,
            "created_at": created_at,
            "software": dict(software),
            "tables": {
                name: {
                    "file": file.path.name,
                    "rows": file.rows,
                    "bytes": file.path.stat().st_size,
                    "sha256": sha256(file.path),
                }
                for name, file in self._files.items()
            },
            "scopes": [
                {"account_id": scope.account_id, "region": scope.region, "run_id": one.run_id, "whole": one.whole}
                for scope, one in sorted(self._sources.items(), key=lambda item: item[0])
            ],
        }
        write_text(self._folder / MANIFEST, json.dumps(self.sealed, indent=2) + "\n")

    @property
    def changes_anything(self) -> bool:
        """Whether the sealed tables differ from the previous snapshot's, or its scopes, or whether they are whole."""
        if self._previous is None or self.sealed is None:
            return True
        same_tables = self.sealed["tables"] == self._previous.manifest["tables"]
        whole = {scope: one.whole for scope, one in self._sources.items()}
        return not (same_tables and whole == {scope: one.whole for scope, one in self._previous.sources.items()})

    def abandon(self) -> None:
        """Let go of the files; the folder is thrown away by its owner."""
        for file in self._files.values():
            file.abandon()


@contextmanager
def writer(lake: Path, snapshot_id: str, previous: Snapshot | None) -> Iterator[SnapshotWriter]:
    """Open a snapshot to write; when the block ends with a sealed one that changes something, it is published.

    Not sealed, or nothing changed: no folder is left and CURRENT stays.
    """
    with whole_folder(lake / "snapshots" / snapshot_id) as new:
        snapshot = SnapshotWriter(new.path, snapshot_id, previous)
        try:
            yield snapshot
        finally:
            if snapshot.sealed is None:
                snapshot.abandon()
        new.is_wanted = snapshot.sealed is not None and snapshot.changes_anything
    if new.is_wanted:
        write_text(lake / POINTER, snapshot_id + "\n")


def find(lake: Path) -> Snapshot | None:
    """Return the published snapshot, None if nothing was published yet; LakeError if the pointer leads nowhere."""
    pointer = lake / POINTER
    if not pointer.exists():
        return None
    snapshot_id = "?"
    try:
        snapshot_id = pointer.read_text(encoding="utf-8").strip()
        folder = lake / "snapshots" / snapshot_id
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if not {"format", "tables", "scopes"} <= manifest.keys():
            raise LakeError(f"{folder / MANIFEST}: is no manifest of a snapshot.")  # noqa: TRY301  # joins the others
    except (OSError, ValueError, AttributeError, LakeError) as error:
        raise LakeError(
            f"{lake}: CURRENT names snapshot {snapshot_id!r}, whose manifest cannot be read: {error}. Write the "
            f"name of another folder of {lake / 'snapshots'} into CURRENT, or remove CURRENT and sync again."
        ) from error
    if manifest["format"] > FORMAT:
        raise LakeError(f"{lake}: written by a newer reklake (format {manifest['format']}). Upgrade reklake.")
    return Snapshot(snapshot_id, folder, manifest)


def current(lake: Path) -> Snapshot:
    """Return the published snapshot; LakeError with the next step if there is none."""
    snapshot = find(lake)
    if snapshot is None:
        if lake.exists() and not lake.is_dir():
            raise LakeError(f"{lake}: is a file, not a lake. Name another with --lake.")
        if not lake.exists():
            raise LakeError(f"{lake}: no such lake. Make one with `reklake sync`, or name another with --lake.")
        raise LakeError(
            f"{lake}: holds no published snapshot. Run `reklake sync` first, or name another lake with --lake."
        )
    return snapshot


def prepare(lake: Path) -> None:
    """Make the lake's folder; UsageError if something else is there already."""
    if {"?", "\\"} & set(str(lake.absolute())):
        raise UsageError(f"{lake}: DuckDB cannot keep a database under a path with ? or \\. Name another --lake.")
    try:
        if lake.exists() and not lake.is_dir():
            raise UsageError(f"{lake}: is a file, not a folder. Name another --lake.")
        foreign = _foreign(lake.iterdir()) if lake.exists() else []
        if foreign and not any((lake / entry).exists() for entry in LAKE_ENTRIES):
            raise UsageError(f"{lake}: is not a lake, but holds {foreign[0]} and more. Name an empty or new folder.")
        lake.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LakeError(f"{lake}: cannot be used: {error.strerror}. Name another --lake.") from error


def _foreign(entries: Iterable[Path]) -> list[str]:
    return sorted(entry.name for entry in entries if entry.name not in LAKE_ENTRIES)
