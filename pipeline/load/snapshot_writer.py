"""Writes a snapshot: scopes are merged in key order with the previous snapshot, and CURRENT moves last."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import BusyError, LakeError
from pipeline.lake import MANIFEST, POINTER, SNAPSHOTS, Lake, NewFolder, sha256
from pipeline.lake.snapshot import FORMAT, HISTORY, REMEDY, Snapshot, Source, is_published
from pipeline.load import temporal
from pipeline.load.sorted_file import SortedReader, SortedWriter
from pipeline.model import TABLES, Table, declaration_digest, history_of, with_validity
from pipeline.model.page import Scope

Keep = Callable[[pa.Table], pa.Array]
"""Selects the previous rows that stay although no page has them: takes the rows, returns a boolean for each."""


class SnapshotWriter:
    """Writes a snapshot: pass each scope in key order, then call `seal`."""

    def __init__(self, folder: NewFolder, snapshot_id: str, previous: Snapshot | None) -> None:
        self.id = snapshot_id
        self.previous = previous
        self.is_changed = False
        self.warning: str | None = None
        """Why the snapshot may not stay published, though it is; None if it will."""
        self._folder = folder
        self._sources_before = previous.sources if previous else {}
        self._sources: dict[Scope, Source] = {}
        self._to_carry: list[Scope] = []
        """Scopes to carry forward. Their rows are copied when a scope with new rows comes."""
        self._files: dict[str, _TableFiles] = {}
        self._open = ExitStack()

    def carry_forward(self, scope: Scope) -> Source | None:
        """Keep the scope's rows and states; return where they come from, None if there are none."""
        source = self._sources_before.get(scope)
        if source:
            self._sources[scope] = source
            self._to_carry.append(scope)
        return source

    @contextmanager
    def scope(self, scope: Scope, run_id: str, listed_at: datetime) -> Iterator[ScopeWriter]:
        """Write a scope that the run listed to its end, its last page at `listed_at`.

        The block must merge all tables and set `source`. If the clock has gone back since the previous listing, the
        scope's states change a microsecond after that listing.
        """
        before = self._sources_before.get(scope)
        if before and listed_at <= before.listed_at:
            is_same_run = before.run_id == run_id  # a replay of the listing that is published
            listed_at = before.listed_at + timedelta(microseconds=0 if is_same_run else 1)
        self._carry()
        writer = ScopeWriter(scope, listed_at, before, self._table_files(), self._compared(before))
        yield writer
        writer.finish()
        if writer.source:
            self._sources[scope] = writer.source

    def seal(self, *, created_at: str, software: Mapping[str, str], run: Callable[[], Mapping[str, Any]]) -> None:
        """Finish the files and, if anything differs from the previous snapshot, write the manifest.

        `run` returns the record of the run so far.
        """
        if not self._files and self.previous:
            return  # every scope was carried forward
        self._carry()
        for files in self._table_files().values():
            files.finish()
        tables = {name: self._entry(files.current) for name, files in self._files.items()}
        history = {name: self._entry(files.ended) for name, files in self._files.items()}
        self.is_changed = self._differs(tables, history)
        if not self.is_changed:
            return
        manifest = {
            "format": FORMAT,
            "id": self.id,
            "parent": self.previous.id if self.previous else None,
            "created_at": created_at,
            "software": dict(software),
            "declarations": self._declarations(),
            "tables": tables,
            HISTORY: history,
            "scopes": [
                source.as_json(scope) for scope, source in sorted(self._sources.items(), key=lambda item: item[0])
            ],
            "run": run(),
        }
        (self._folder.path / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")

    def close(self) -> None:
        """Close all files."""
        self._open.close()

    def _table_files(self) -> dict[str, _TableFiles]:
        """Return the files of all tables, opened at the first scope that is not carried forward."""
        if not self._files:
            (self._folder.path / HISTORY).mkdir()
            for declared in TABLES:
                self._files[declared.name] = _TableFiles(declared, self._folder.path, self.previous, self._open)
        return self._files

    def _carry(self) -> None:
        for scope in self._to_carry:
            for files in self._table_files().values():
                files.carry(scope)
        self._to_carry.clear()

    def _compared(self, before: Source | None) -> dict[str, list[str]]:
        """Return the columns of each table in which a difference from the previous rows is a change."""
        if before is None or self.previous is None or before.declaration == declaration_digest():
            return {declared.name: list(declared.names) for declared in TABLES}
        return {
            declared.name: temporal.compared_columns(declared, self.previous.columns(before.declaration, declared.name))
            for declared in TABLES
        }

    def _declarations(self) -> dict[str, dict[str, list[str]]]:
        """Return the columns of the tables in each declaration that the rows of any scope were flattened with."""
        known = dict(self.previous.manifest["declarations"]) if self.previous else {}
        known[declaration_digest()] = {declared.name: list(declared.names) for declared in TABLES}
        return {digest: known[digest] for digest in sorted({source.declaration for source in self._sources.values()})}

    def _entry(self, file: SortedWriter) -> dict[str, Any]:
        """Return the manifest's entry of a file. A file equal to the previous snapshot's becomes a link to that."""
        name = file.path.relative_to(self._folder.path).as_posix()
        entry = {"file": name, "rows": file.rows, "bytes": file.path.stat().st_size, "sha256": sha256(file.path)}
        if self.previous and self.previous.files.get(name) == entry:
            file.path.unlink()
            self._folder.link(f"{SNAPSHOTS}/{self.previous.id}/{name}", name)
        return entry

    def _differs(self, tables: Mapping[str, Any], history: Mapping[str, Any]) -> bool:
        """Whether the files, the scopes, or whether those are whole, differ from the previous snapshot."""
        if self.previous is None:
            return True
        before = self.previous.manifest
        whole, whole_before = (
            {scope: source.whole for scope, source in sources.items()}
            for sources in (self._sources, self._sources_before)
        )
        return not (tables == before["tables"] and history == before[HISTORY] and whole == whole_before)


@dataclass
class ScopeWriter:
    """Writes one scope of a snapshot: its tables are merged range by range, in key order.

    `listed_at` is the instant at which states begin and end. `before` is the source of the previous rows. The caller
    sets `source` to the source of the new ones.
    """

    scope: Scope
    listed_at: datetime
    before: Source | None
    _files: Mapping[str, _TableFiles]
    _compared: Mapping[str, Collection[str]]
    source: Source | None = None

    def merge(
        self, name: str, rows: pa.Table, *, until: str | None = None, keep: Keep | None = None
    ) -> tuple[pa.Table, int]:
        """Merge rows, sorted by key, of the range from where the last one ended to before `until` (None: the end).

        Return the previous rows that `keep` selected, in the declared columns, and the number of all previous rows of
        the range.
        """
        return self._files[name].merge(self.scope, rows, self.listed_at, self._compared[name], until=until, keep=keep)

    def finish(self) -> None:
        """Check that every table was merged to its end; LakeError names one that was not."""
        for name, files in self._files.items():
            if files.merged != self.scope:
                raise LakeError(f"{self.scope}: {name} was not merged to its end. Report this.")


class _TableFiles:
    """The files of a table: those of the previous snapshot, read from start to end, and the new ones."""

    def __init__(self, declared: Table, folder: Path, previous: Snapshot | None, files: ExitStack) -> None:
        has_before = previous is not None and previous.has(declared.name)
        before, ended_before = (
            previous.file(declared.name, history=is_history, verified=True) if previous and has_before else None
            for is_history in (False, True)
        )
        self._table = declared
        self._before = SortedReader(before, with_validity(declared))
        self._ended_before = SortedReader(ended_before, history_of(declared))
        self.current = files.enter_context(SortedWriter(folder / f"{declared.name}.parquet", with_validity(declared)))
        self.ended = files.enter_context(
            SortedWriter(folder / HISTORY / f"{declared.name}.parquet", history_of(declared))
        )
        self.merged: Scope | None = None
        """The last scope that was merged to its end."""

    def carry(self, scope: Scope) -> None:
        for rows in self._before.take(scope):
            self.current.add(rows)
        for states in self._ended_before.take(scope):
            self.ended.add(states)

    def merge(
        self,
        scope: Scope,
        rows: pa.Table,
        listed_at: datetime,
        compared: Collection[str],
        *,
        until: str | None,
        keep: Keep | None,
    ) -> tuple[pa.Table, int]:
        before = _concat(self._before.take(scope, until), with_validity(self._table))
        kept = self._table.schema.empty_table()
        if keep:
            kept = before.filter(keep(before)).select(self._table.names).cast(self._table.schema)
            rows = pa.concat_tables([rows, kept])
            rows = rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in self._table.key]))
        current, newly_ended = temporal.merge(self._table, before, rows, listed_at, compared)
        self.current.add(current)
        ended = [*self._ended_before.take(scope, until), newly_ended]
        self.ended.add(temporal.in_order(pa.concat_tables(ended), self._table))
        if until is None:
            self.merged = scope
        return kept, before.num_rows

    def finish(self) -> None:
        """Close both files; LakeError if the previous snapshot has rows of a scope that was not carried or merged."""
        for reader in (self._before, self._ended_before):
            if scope := reader.left():
                raise LakeError(
                    f"{scope}: the published snapshot has rows of it in {self._table.name} that its manifest does not "
                    f"explain; {REMEDY}."
                )
        self.current.close()
        self.ended.close()


@contextmanager
def new_snapshot(lake: Lake, snapshot_id: str, previous: Snapshot | None) -> Iterator[SnapshotWriter]:
    """Open a new snapshot, and publish it when the block ends.

    If it was not sealed, or nothing changed, no folder is left and CURRENT stays. BusyError if CURRENT has moved since
    `previous` was read.
    """
    name = f"{SNAPSHOTS}/{snapshot_id}"
    with lake.new_folder(name) as folder:
        writer = SnapshotWriter(folder, snapshot_id, previous)
        try:
            with _readable(previous):
                yield writer
        finally:
            writer.close()
        folder.is_wanted = writer.is_changed
    if folder.is_wanted:
        try:
            lake.point(snapshot_id, previous.pointer if previous else None)
        except BusyError:  # CURRENT names another; after any other error it may name this one
            with suppress(OSError, LakeError):  # if it stays, the next sync removes it
                lake.remove(name)
            raise
        except OSError as error:
            if not is_published(lake, snapshot_id):
                raise
            writer.warning = f"{POINTER}, which names it, may be lost in a power failure: {error}"


def unseen(declared: Table, arns: pa.Array) -> Keep:
    """Keep previous rows of a table whose descriptions are not among those seen in this listing (`arns`)."""
    column = declared.parent_key
    return lambda before: pc.invert(pc.is_in(before.column(column), value_set=arns))


def about(declared: Table, arns: pa.Array) -> Keep:
    """Keep previous rows of a detail's table that are about these resources."""
    column = declared.key[0]
    return lambda before: pc.is_in(before.column(column), value_set=arns)


def _concat(parts: Iterator[pa.Table], declared: Table) -> pa.Table:
    return pa.concat_tables([declared.schema.empty_table(), *parts]).combine_chunks()


@contextmanager
def _readable(previous: Snapshot | None) -> Iterator[None]:
    """Turn Arrow's errors into LakeError that names the snapshot: its file is as it was written, but cannot be read."""
    try:
        yield
    except pa.ArrowException as error:
        where = f"{previous.lake}: snapshot {previous.id}" if previous else "the new snapshot"
        raise LakeError(f"{where}: cannot be read: {str(error).splitlines()[0]}; {REMEDY}.") from error
