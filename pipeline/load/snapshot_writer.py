"""A snapshot in the making: scopes come in their order, are merged with the snapshot before, and CURRENT moves last."""

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
from pipeline.model import TABLES, Table, declaration_digest, declared_columns, history_of, with_validity
from pipeline.model.page import Scope

Keep = Callable[[pa.Table], pa.Array]
"""Says which previous rows join the new ones, though no page of this listing has them: booleans, one a row."""


class SnapshotWriter:
    """A snapshot in the making: give it each scope, in order, then `seal` it."""

    def __init__(self, folder: NewFolder, snapshot_id: str, previous: Snapshot | None) -> None:
        self.id = snapshot_id
        self.previous = previous
        self.is_changed = False
        self.warning: str | None = None
        """Why it may not stay published, though it is."""
        self._folder = folder
        self._sources_before = previous.sources if previous else {}
        self._sources: dict[Scope, Source] = {}
        self._to_carry: list[Scope] = []
        """Scopes whose rows stay as they are, and are copied when a scope comes that has new ones."""
        self._files: dict[str, _TableFiles] = {}
        self._open = ExitStack()

    def carry_forward(self, scope: Scope) -> Source | None:
        """Take over the scope's rows and states as they are; return where they come from, None if there are none."""
        source = self._sources_before.get(scope)
        if source:
            self._sources[scope] = source
            self._to_carry.append(scope)
        return source

    @contextmanager
    def scope(self, scope: Scope, run_id: str, listed_at: datetime) -> Iterator[ScopeWriter]:
        """Write a scope that was listed to its end, its last page at `listed_at`, by that run.

        The block must merge all tables and set `source`. If the clock went back since the listing before, the scope's
        states change just after it.
        """
        before = self._sources_before.get(scope)
        if before and listed_at <= before.listed_at:
            is_same_run = before.run_id == run_id  # its instant is being told anew
            listed_at = before.listed_at + timedelta(microseconds=0 if is_same_run else 1)
        self._carry()
        writer = ScopeWriter(scope, listed_at, before, self._table_files(), self._compared(before))
        yield writer
        writer.finish()
        if writer.source:
            self._sources[scope] = writer.source

    def seal(self, *, created_at: str, software: Mapping[str, str], run: Callable[[], Mapping[str, Any]]) -> None:
        """Finish the files and, if something differs from the snapshot before, write the manifest.

        `run` gives the record of the run that publishes it, as far as it is known then.
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
        """Let go of all files."""
        self._open.close()

    def _table_files(self) -> dict[str, _TableFiles]:
        """Return the files of all tables; they are opened when the first scope comes whose rows may be others."""
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
        """Return the columns of each table in which a difference from the scope's previous rows is a change."""
        if before is None or self.previous is None or before.declaration == declaration_digest():
            return {declared.name: list(declared.names) for declared in TABLES}
        return {
            declared.name: temporal.compared_columns(declared, self.previous.columns(before.declaration, declared.name))
            for declared in TABLES
        }

    def _declarations(self) -> dict[str, dict[str, list[str]]]:
        """Return the columns of every declaration that rows of a scope were flattened with."""
        before = self.previous.manifest["declarations"] if self.previous else {}
        known = {**before, declaration_digest(): declared_columns()}
        return {digest: known[digest] for digest in sorted({source.declaration for source in self._sources.values()})}

    def _entry(self, file: SortedWriter) -> dict[str, Any]:
        """Return the manifest's entry of a file; one that the snapshot before has too becomes a link to that."""
        name = file.path.relative_to(self._folder.path).as_posix()
        entry = {"file": name, "rows": file.rows, "bytes": file.path.stat().st_size, "sha256": sha256(file.path)}
        if self.previous and self.previous.files.get(name) == entry:
            file.path.unlink()
            self._folder.link(f"{SNAPSHOTS}/{self.previous.id}/{name}", name)
        return entry

    def _differs(self, tables: Mapping[str, Any], history: Mapping[str, Any]) -> bool:
        """Whether files differ from the previous snapshot's, or the scopes, or whether they are whole."""
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
    """One scope of a snapshot in the making: its tables are merged, range by range in key order.

    `listed_at` is the instant at which its states begin and end, `before` is where its previous rows come from. Set
    `source` to where the new ones do.
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
        """Merge a table's rows, sorted by key, from where the last range ended up to the key `until` (None: the end).

        Returns the previous rows that were kept, in the declared columns, and how many previous rows there were.
        """
        return self._files[name].merge(self.scope, rows, self.listed_at, self._compared[name], until=until, keep=keep)

    def finish(self) -> None:
        """See that every table was merged to its end: LakeError names one that was not."""
        for name, files in self._files.items():
            if files.ended_at != self.scope:
                raise LakeError(f"{self.scope}: {name} was not merged to its end. Report this.")


class _TableFiles:
    """The files of one table: the snapshot's before, read from start to end, and those that are being written."""

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
        self.ended_at: Scope | None = None
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
            self.ended_at = scope
        return kept, before.num_rows

    def finish(self) -> None:
        """End both files. LakeError if the snapshot before has rows of a scope that was neither carried nor merged."""
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
    """Open a snapshot to write; when the block ends with a sealed one that changes something, it is published.

    Not sealed, or nothing changed: no folder is left and CURRENT stays. BusyError if CURRENT has moved since
    `previous` was found.
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
        except BusyError:  # certain that CURRENT names another; after any other error it may name this one
            with suppress(OSError, LakeError):  # should it stay, the next sync removes it
                lake.remove(name)
            raise
        except OSError as error:
            if not is_published(lake, snapshot_id):
                raise
            writer.warning = f"{POINTER}, which names it, may be lost in a power failure: {error}"


def unseen(declared: Table, arns: pa.Array) -> Keep:
    """Keep previous rows of a table about descriptions that this listing has not seen: `arns` are those it has."""
    column = declared.parent_key
    return lambda before: pc.invert(pc.is_in(before.column(column), value_set=arns))


def about(declared: Table, arns: pa.Array) -> Keep:
    """Keep previous rows of a detail's table about these resources."""
    column = declared.key[0]
    return lambda before: pc.is_in(before.column(column), value_set=arns)


def _concat(pieces: Iterator[pa.Table], declared: Table) -> pa.Table:
    return pa.concat_tables([declared.schema.empty_table(), *pieces]).combine_chunks()


@contextmanager
def _readable(previous: Snapshot | None) -> Iterator[None]:
    """Name the snapshot whose file Arrow cannot read, though it is as it was written."""
    try:
        yield
    except pa.ArrowException as error:
        where = f"{previous.lake}: snapshot {previous.id}" if previous else "the new snapshot"
        raise LakeError(f"{where}: cannot be read: {str(error).splitlines()[0]}; {REMEDY}.") from error
